import type { BoundKernel, Recorder } from "../gpu/mod.ts";
import wgsl from "./embed.wgsl" with { type: "text" };
import type { Matrix } from "./matrix.ts";
import type { KernelSet } from "./variants.ts";

/** Looks token ids up in the embedding table: `x[t] = table[tokens[t]]`. */
export class Embed {
  readonly #table: Matrix;
  readonly #bound: BoundKernel[];

  /** `tokens` is u32 `[tokens]`, each below the table's rows; `x` is f32 `[tokens, cols]`. */
  constructor(
    kernels: KernelSet,
    buffers: { tokens: GPUBuffer; table: Matrix; x: GPUBuffer },
    options: { uniforms: GPUBuffer },
  ) {
    const { tokens, table, x } = buffers;
    const kernel = kernels.get("embed", wgsl, {}, table.format);
    this.#table = table;
    this.#bound = table.shards.map(({ buffer }) =>
      kernel.bind({ tokens, weight: buffer, x }, options.uniforms)
    );
  }

  record(recorder: Recorder, tokens: number): void {
    const width4 = this.#table.cols / 4;
    this.#bound.forEach((kernel, i) => {
      const { firstRow: first, rows } = this.#table.shards[i];
      kernel.dispatch(recorder, { width4, tokens, first, rows }, [Math.ceil(width4 / 64), tokens]);
    });
  }
}

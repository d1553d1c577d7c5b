import type { BoundKernel, Recorder } from "../gpu/mod.ts";
import { FewTokenLinear } from "./few_token_linear.ts";
import matmul from "./matmul.wgsl" with { type: "text" };
import type { Matrix } from "./matrix.ts";
import type { KernelSet } from "./variants.ts";

const MATMUL_ROWS = 16 * 4;
const MATMUL_TOKENS = 4;

/** Buffers of a projection: `x` f32 `[tokens, cols]`, `y` f32 `[tokens, rows]`. */
export interface LinearBuffers {
  x: GPUBuffer;
  weight: Matrix;
  /** f32 `[rows]`. */
  bias?: GPUBuffer;
  y: GPUBuffer;
}

/**
 * A projection `y = W x (+ bias)`, or `y += W x (+ bias)` with `accumulate`. `decode` steps use the
 * few-token kernel and `prefill` steps the many-token kernel, whatever their number of tokens: the
 * two add up in different orders, and a result must not depend on what else is in the batch.
 */
export class Linear {
  readonly #kernels: KernelSet;
  readonly #buffers: LinearBuffers;
  readonly #uniforms: GPUBuffer;
  readonly #constants: Record<string, number>;
  /** Tokens that an invocation of the many-token kernel computes: no sum depends on it. */
  readonly #tileTokens: number;
  readonly #few: FewTokenLinear;
  #many: BoundKernel[] | null = null;

  /** `split`: see FewTokenLinear. */
  constructor(
    kernels: KernelSet,
    buffers: LinearBuffers,
    options: { uniforms: GPUBuffer; accumulate?: boolean; split?: number; tileTokens?: 4 | 8 },
  ) {
    this.#kernels = kernels;
    this.#buffers = buffers;
    this.#uniforms = options.uniforms;
    this.#few = new FewTokenLinear(kernels, buffers, options);
    // A CPU waits for loads, of which a larger tile has fewer; a GPU for more tiles to work on.
    this.#tileTokens = options.tileTokens ?? (kernels.gpu.info.isFallback ? 8 : 4);
    this.#constants = {
      TILE_TOKENS: this.#tileTokens,
      ACCUMULATE: options.accumulate ? 1 : 0,
      HAS_BIAS: buffers.bias ? 1 : 0,
    };
  }

  record(recorder: Recorder, tokens: number, kind: "prefill" | "decode"): void {
    if (tokens === 0) return;
    if (kind === "prefill") this.#recordMany(recorder, tokens);
    else this.#few.record(recorder, { tokens });
  }

  #recordMany(recorder: Recorder, tokens: number): void {
    this.#bind().forEach((kernel, i) => {
      const grid = [
        Math.ceil(this.#shardRows(i) / MATMUL_ROWS),
        Math.ceil(tokens / (MATMUL_TOKENS * this.#tileTokens)),
      ] as const;
      kernel.dispatch(recorder, this.#params(i, tokens), grid);
    });
  }

  #shardRows(index: number): number {
    return this.#buffers.weight.shards[index].rows;
  }

  #params(index: number, tokens: number): Record<string, number> {
    const { cols, rows, shards } = this.#buffers.weight;
    const shard = shards[index];
    return { rows: shard.rows, width4: cols / 4, tokens, stride: rows, first: shard.firstRow };
  }

  /** One bound kernel per shard, made on first use. */
  #bind(): BoundKernel[] {
    if (!this.#many) {
      const { x, y, bias, weight } = this.#buffers;
      const kernel = this.#kernels.get("matmul", matmul, this.#constants, weight.format);
      this.#many = weight.shards.map(({ buffer }) =>
        kernel.bind({ x, y, weight: buffer, bias: bias ?? this.#kernels.empty }, this.#uniforms)
      );
    }
    return this.#many;
  }
}

/** `y[t] = W x[t] + bias` on the host, for tests. */
export function linearReference(
  x: Float32Array,
  weight: Float32Array,
  options: { cols: number; bias?: Float32Array },
): Float32Array {
  const { cols, bias } = options;
  const rows = weight.length / cols;
  const tokens = x.length / cols;
  const y = new Float32Array(tokens * rows);
  for (let t = 0; t < tokens; t++) {
    for (let r = 0; r < rows; r++) {
      let sum = bias?.[r] ?? 0;
      for (let c = 0; c < cols; c++) sum += weight[r * cols + c] * x[t * cols + c];
      y[t * rows + r] = sum;
    }
  }
  return y;
}

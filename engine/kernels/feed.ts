import type { BoundKernel, Recorder } from "../gpu/mod.ts";
import wgsl from "./feed.wgsl" with { type: "text" };
import rowsWgsl from "./sampling/rows.wgsl" with { type: "text" };
import type { SamplingBuffers } from "./sampling/mod.ts";
import type { KernelSet } from "./variants.ts";

/** Turns what each decoding row drew last into the next step's input, on the GPU. */
export class Feed {
  readonly #bound: BoundKernel;

  constructor(
    kernels: KernelSet,
    buffers: {
      sampling: SamplingBuffers;
      tokens: GPUBuffer;
      positions: GPUBuffer;
      rows: GPUBuffer;
    },
    options: { uniforms: GPUBuffer },
  ) {
    const { sampling, tokens, positions, rows } = buffers;
    const { sampled, states } = sampling;
    this.#bound = kernels.get("feed", [rowsWgsl, wgsl].join("\n"))
      .bind({ sampled, states, tokens, positions, rows }, options.uniforms);
  }

  record(recorder: Recorder, rows: number): void {
    this.#bound.dispatch(recorder, {}, [rows]);
  }
}

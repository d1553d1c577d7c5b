import type { BoundKernel, Recorder } from "../gpu/mod.ts";
import wgsl from "./norm_parts.wgsl" with { type: "text" };
import type { ResidualStream } from "./residual_stream.ts";
import type { KernelSet } from "./variants.ts";

/** Fills the parts of a residual stream that the first layer's norm needs, after the embedding. */
export class NormParts {
  readonly #bound: BoundKernel;
  readonly #width: number;

  /** `weight` is the norm's, f32 `[width]`. */
  constructor(
    kernels: KernelSet,
    buffers: { stream: ResidualStream; weight: GPUBuffer },
    options: { uniforms: GPUBuffer },
  ) {
    const { stream, weight } = buffers;
    this.#bound = kernels.get("norm_parts", wgsl)
      .bind({ stream: stream.buffer, weight }, options.uniforms, {
        width: stream.width,
        weighted_at: stream.weightedAt,
        squares_at: stream.squaresAt,
      });
    this.#width = stream.width;
  }

  record(recorder: Recorder, tokens: number): void {
    this.#bound.dispatch(recorder, {}, [Math.ceil(this.#width / 256), tokens]);
  }
}

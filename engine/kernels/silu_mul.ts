import type { BoundKernel, Recorder } from "../gpu/mod.ts";
import wgsl from "./silu_mul.wgsl" with { type: "text" };
import type { KernelSet } from "./variants.ts";

/** The gated activation `silu(gate) · up` (SwiGLU; Shazeer, arXiv 2002.05202). */
export class SiluMul {
  readonly #bound: BoundKernel;
  readonly #width4: number;

  /** `x` is f32 `[tokens, 2 · width]`, gate before up; `y` is f32 `[tokens, width]`. */
  constructor(
    kernels: KernelSet,
    buffers: { x: GPUBuffer; y: GPUBuffer },
    options: { width: number; uniforms: GPUBuffer },
  ) {
    const width4 = options.width / 4;
    this.#bound = kernels.get("silu_mul", wgsl).bind(buffers, options.uniforms, { width4 });
    this.#width4 = width4;
  }

  record(recorder: Recorder, tokens: number): void {
    this.#bound.dispatch(recorder, {}, [Math.ceil(this.#width4 / 64), tokens]);
  }
}

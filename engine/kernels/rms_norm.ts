import type { BoundKernel, Recorder } from "../gpu/mod.ts";
import type { KernelSet } from "./variants.ts";
import wgsl from "./rms_norm.wgsl" with { type: "text" };

/** Groups of lanes that share a row, as in the WGSL. */
const PARTS = 8;

/** Root-mean-square normalisation (Zhang & Sennrich, arXiv 1910.07467) of `[tokens, width]` rows. */
export class RmsNorm {
  readonly #bound: BoundKernel;

  /**
   * `x` and `y` are f32 `[tokens, width]`, `weight` f32 `[width]`; width is a multiple of 4. With
   * `indices` (u32) row i of `y` comes from row `indices[i]` of `x`.
   */
  constructor(
    kernels: KernelSet,
    buffers: { x: GPUBuffer; weight: GPUBuffer; y: GPUBuffer; indices?: GPUBuffer },
    options: { width: number; eps: number; uniforms: GPUBuffer },
  ) {
    const { indices } = buffers;
    this.#bound = kernels.get("rms_norm", wgsl, {
      PICK: indices ? 1 : 0,
      SIZE: PARTS * kernels.lanes,
    })
      .bind({ ...buffers, indices: indices ?? kernels.empty }, options.uniforms, {
        width4: options.width / 4,
        eps: options.eps,
      });
  }

  /** Fills `count` rows of `y` from row `first` on. */
  record(recorder: Recorder, count: number, first = 0): void {
    this.#bound.dispatch(recorder, { first }, [count]);
  }
}

/** The same on the host, for tests. */
export function rmsNormReference(x: Float32Array, weight: Float32Array, eps: number): Float32Array {
  const width = weight.length;
  const y = new Float32Array(x.length);
  for (let base = 0; base < x.length; base += width) {
    let squares = 0;
    for (let i = 0; i < width; i++) squares += x[base + i] ** 2;
    const scale = 1 / Math.sqrt(squares / width + eps);
    for (let i = 0; i < width; i++) y[base + i] = x[base + i] * scale * weight[i];
  }
  return y;
}

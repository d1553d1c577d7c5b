import type { BoundKernel, Recorder } from "../gpu/mod.ts";
import wgsl from "./gather_rows.wgsl" with { type: "text" };
import type { KernelSet } from "./variants.ts";

/** Copies chosen rows: `y[i] = x[indices[i]]`. */
export class GatherRows {
  readonly #bound: BoundKernel;
  readonly #width4: number;

  /** `x` and `y` are f32 rows of `width`; `indices` is u32. */
  constructor(
    kernels: KernelSet,
    buffers: { x: GPUBuffer; indices: GPUBuffer; y: GPUBuffer },
    options: { width: number; uniforms: GPUBuffer },
  ) {
    this.#bound = kernels.get("gather_rows", wgsl).bind(buffers, options.uniforms);
    this.#width4 = options.width / 4;
  }

  /** Fills `y[first .. first + count)`. */
  record(recorder: Recorder, range: { first: number; count: number }): void {
    const width4 = this.#width4;
    const grid = [Math.ceil(width4 / 64), range.count] as const;
    this.#bound.dispatch(recorder, { width4, first: range.first }, grid);
  }
}

import type { BoundKernel, BufferScope, Recorder } from "../../gpu/mod.ts";
import type { KernelSet } from "../variants.ts";
import wgsl from "./prototypes.wgsl" with { type: "text" };

/** A class made from examples: its logit is `scale · (features · mean) + bias`. */
export interface Prototype {
  /** As wide as the router's features; of unit length. */
  mean: Float32Array;
  scale: number;
  bias: number;
}

/** The classes that were added to a router without retraining it, and their logits. */
export class Prototypes {
  /** f32 `[rows, prototypes]`. */
  readonly logits: GPUBuffer;
  readonly #kernels: KernelSet;
  readonly #shape: { width: number; maxPrototypes: number };
  readonly #means: GPUBuffer;
  readonly #terms: GPUBuffer;
  readonly #uniforms: GPUBuffer;
  #features: GPUBuffer | null = null;
  #bound: BoundKernel | null = null;

  constructor(
    kernels: KernelSet,
    shape: { width: number; maxPrototypes: number; maxRows: number },
    scope: BufferScope,
    uniforms: GPUBuffer,
  ) {
    const { width, maxPrototypes, maxRows } = shape;
    // The kernel takes four at a time.
    const padded = Math.ceil(maxPrototypes / 4) * 4;
    this.#kernels = kernels;
    this.#shape = shape;
    this.#uniforms = uniforms;
    this.#means = scope.storage("prototype means", 4 * padded * width);
    this.#terms = scope.storage("prototype terms", 8 * padded);
    this.logits = scope.storage("prototype logits", 4 * maxRows * maxPrototypes);
  }

  /** Defines or replaces prototype `index`. */
  set(index: number, { mean, scale, bias }: Prototype): void {
    const { width, maxPrototypes } = this.#shape;
    if (index >= maxPrototypes) throw new Error(`no prototype ${index}: only ${maxPrototypes} fit`);
    if (mean.length !== width) {
      throw new Error(`a prototype of ${mean.length} features: the router has ${width}`);
    }
    const { queue } = this.#kernels.gpu.device;
    queue.writeBuffer(this.#means, 4 * index * width, Float32Array.from(mean));
    queue.writeBuffer(this.#terms, 8 * index, Float32Array.of(scale, bias));
  }

  /** The logits of the first `prototypes` for f32 `[rows, width]` features. */
  record(
    recorder: Recorder,
    { features, rows, prototypes }: { features: GPUBuffer; rows: number; prototypes: number },
  ): void {
    if (features !== this.#features || !this.#bound) {
      this.#features = features;
      this.#bound = this.#kernels.get("prototypes", wgsl).bind({
        features,
        means: this.#means,
        terms: this.#terms,
        prototype_logits: this.logits,
      }, this.#uniforms);
    }
    const params = { prototypes, width: this.#shape.width };
    this.#bound.dispatch(recorder, params, [Math.ceil(prototypes / 4), rows]);
  }
}

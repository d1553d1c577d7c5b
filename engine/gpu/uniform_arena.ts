import type { Gpu } from "./device.ts";
import type { ParamTarget, ParamTemplate } from "./param_template.ts";
import type { ParamValues } from "./wgsl_interface.ts";

/**
 * The parameters of all dispatches of a submission, written to the GPU at once and bound with
 * dynamic offsets: a `writeBuffer` or a bind group per dispatch would cost more than the dispatch
 * (docs/PLATFORM.md).
 */
export class UniformArena {
  readonly buffer: GPUBuffer;
  readonly #queue: GPUQueue;
  readonly #stride: number;
  readonly #bytes: ArrayBuffer;
  readonly #target: ParamTarget;
  #used = 0;

  constructor(gpu: Gpu, maxDispatches: number) {
    this.#stride = Math.max(64, gpu.limits.minUniformBufferOffsetAlignment);
    this.#bytes = new ArrayBuffer(maxDispatches * this.#stride);
    this.#target = { bytes: new Uint8Array(this.#bytes), view: new DataView(this.#bytes) };
    this.#queue = gpu.device.queue;
    this.buffer = gpu.buffers.uniform("uniforms", this.#bytes.byteLength);
  }

  /** Returns the dynamic offset of the values. Throws when one is missing or the arena is full. */
  push(template: ParamTemplate, values: ParamValues): number {
    const start = this.#used;
    const end = start + Math.ceil(template.size / this.#stride) * this.#stride;
    if (end > this.#bytes.byteLength) throw new Error("the uniform arena is full");
    template.write(this.#target, start, values);
    this.#used = end;
    return start;
  }

  /** What was pushed; the next values belong to another submission. */
  take(): ArrayBuffer {
    const taken = this.#bytes.slice(0, this.#used);
    this.#used = 0;
    return taken;
  }

  /** Sends what was taken; call right before submitting the dispatches that use it. */
  write(taken: ArrayBuffer): void {
    if (taken.byteLength > 0) this.#queue.writeBuffer(this.buffer, 0, taken);
  }
}

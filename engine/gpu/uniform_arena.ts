import type { Gpu } from "./device.ts";
import type { ParamField, ParamValues } from "./wgsl_interface.ts";

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
  readonly #view: DataView;
  #used = 0;

  constructor(gpu: Gpu, maxDispatches: number) {
    this.#stride = Math.max(64, gpu.limits.minUniformBufferOffsetAlignment);
    this.#bytes = new ArrayBuffer(maxDispatches * this.#stride);
    this.#view = new DataView(this.#bytes);
    this.#queue = gpu.device.queue;
    this.buffer = gpu.buffers.uniform("uniforms", this.#bytes.byteLength);
  }

  /** Returns the dynamic offset of the values. Throws when one is missing or the arena is full. */
  push(fields: readonly ParamField[], values: ParamValues): number {
    const start = this.#used;
    const end = start + Math.ceil(fields.length * 4 / this.#stride) * this.#stride;
    if (end > this.#bytes.byteLength) throw new Error("the uniform arena is full");
    for (let i = 0; i < fields.length; i++) {
      const { name, type } = fields[i];
      const value = values[name];
      if (value === undefined) throw new Error(`the kernel parameter ${name} is missing`);
      const at = start + 4 * i;
      if (type === "f32") this.#view.setFloat32(at, value, true);
      else if (type === "u32") this.#view.setUint32(at, value, true);
      else this.#view.setInt32(at, value, true);
    }
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

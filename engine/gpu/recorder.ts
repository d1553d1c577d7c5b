import type { Gpu } from "./device.ts";
import { UniformArena } from "./uniform_arena.ts";

/** What was recorded, ready to run once. */
export interface Submission {
  /** Runs it after everything that was submitted before. */
  submit(): void;
}

/** Records the dispatches of one submission into one encoder and one compute pass. */
export class Recorder {
  readonly uniforms: UniformArena;
  readonly #device: GPUDevice;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
  /** The dynamic offset of one dispatch. */
  readonly #offset = new Uint32Array(1);
  #dispatches = 0;

  constructor(gpu: Gpu, options: { maxDispatches?: number } = {}) {
    this.#device = gpu.device;
    this.uniforms = new UniformArena(gpu, options.maxDispatches ?? 16384);
  }

  /** How many dispatches were recorded since the beginning. */
  get dispatches(): number {
    return this.#dispatches;
  }

  run(
    pipeline: GPUComputePipeline,
    group: GPUBindGroup,
    offset: number,
    x: number,
    y: number,
    z: number,
  ): void {
    this.#encoder ??= this.#device.createCommandEncoder();
    this.#pass ??= this.#encoder.beginComputePass();
    this.#pass.setPipeline(pipeline);
    this.#offset[0] = offset;
    // Deno takes an array of offsets apart with a call for each step; a Uint32Array costs a quarter.
    this.#pass.setBindGroup(0, group, this.#offset, 0, offset < 0 ? 0 : 1);
    this.#pass.dispatchWorkgroups(x, y, z);
    this.#dispatches++;
  }

  /** Records a copy of the first `bytes` of `source` to `offset`, after everything recorded so far. */
  copy(
    source: GPUBuffer,
    target: GPUBuffer,
    { offset, bytes }: { offset: number; bytes: number },
  ): void {
    this.#endPass();
    this.#encoder ??= this.#device.createCommandEncoder();
    this.#encoder.copyBufferToBuffer(source, 0, target, offset, bytes);
  }

  /** Whether there is nothing to finish. */
  get isEmpty(): boolean {
    return this.#encoder === null;
  }

  /** Takes what was recorded, for now or later; what is recorded next belongs to another submission. */
  finish(): Submission {
    this.#endPass();
    const parameters = this.uniforms.take();
    const commands = this.#encoder ? [this.#encoder.finish()] : [];
    this.#encoder = null;
    return {
      submit: () => {
        this.uniforms.write(parameters);
        if (commands.length > 0) this.#device.queue.submit(commands);
      },
    };
  }

  submit(): void {
    this.finish().submit();
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = null;
  }
}

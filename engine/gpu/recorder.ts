import type { Gpu } from "./device.ts";
import { UniformArena } from "./uniform_arena.ts";

/** Records the dispatches of one submission into one encoder and one compute pass. */
export class Recorder {
  readonly uniforms: UniformArena;
  readonly #device: GPUDevice;
  #encoder: GPUCommandEncoder | null = null;
  #pass: GPUComputePassEncoder | null = null;
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
    this.#pass.setBindGroup(0, group, offset < 0 ? [] : [offset]);
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

  submit(): void {
    this.#endPass();
    this.uniforms.flush();
    if (this.#encoder) this.#device.queue.submit([this.#encoder.finish()]);
    this.#encoder = null;
  }

  #endPass(): void {
    this.#pass?.end();
    this.#pass = null;
  }
}

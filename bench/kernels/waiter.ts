/** Waits for the device without the 10 ms grain of Deno's own waits (docs/PLATFORM.md, "Reading back"). */
export class Waiter {
  readonly #device: GPUDevice;
  readonly #source: GPUBuffer;
  readonly #staging: GPUBuffer;

  private constructor(device: GPUDevice) {
    this.#device = device;
    const size = 16;
    this.#source = device.createBuffer({ size, usage: GPUBufferUsage.COPY_SRC });
    const usage = GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ;
    this.#staging = device.createBuffer({ size, usage });
  }

  static async open(device: GPUDevice): Promise<Waiter> {
    const waiter = new Waiter(device);
    // Once mapped by an await, a buffer's range waits for the device by itself.
    await waiter.#staging.mapAsync(GPUMapMode.READ);
    waiter.#staging.unmap();
    return waiter;
  }

  /** Milliseconds from before `submit` until the device has done it, with an idle device before. */
  async msOf(submit: () => void): Promise<number> {
    await this.#device.queue.onSubmittedWorkDone();
    const start = performance.now();
    submit();
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(this.#source, 0, this.#staging, 0, 16);
    this.#device.queue.submit([encoder.finish()]);
    const mapped = this.#staging.mapAsync(GPUMapMode.READ);
    this.#staging.getMappedRange();
    const ms = performance.now() - start;
    await mapped;
    this.#staging.unmap();
    return ms;
  }

  close(): void {
    this.#source.destroy();
    this.#staging.destroy();
  }
}

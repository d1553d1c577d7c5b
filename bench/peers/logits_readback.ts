/**
 * Reads one buffer without the 10 ms that Deno's `mapAsync` sleeps: Weft's own way
 * (engine/gpu/readback.ts, docs/PLATFORM.md), for a peer that has no such way.
 */
export class LogitsReadback {
  readonly #device: GPUDevice;
  #staging: { buffer: GPUBuffer; free: Promise<void> } | null = null;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** The buffer's first bytes, once what was submitted before is done. */
  async read(source: GPUBuffer, bytes: number): Promise<ArrayBuffer> {
    const size = Math.ceil(bytes / 4) * 4;
    const buffer = await this.#stagingOf(size);
    const encoder = this.#device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, buffer, 0, size);
    this.#device.queue.submit([encoder.finish()]);
    const mapped = buffer.mapAsync(GPUMapMode.READ, 0, size);
    const data = buffer.getMappedRange(0, size).slice(0, bytes);
    this.#staging!.free = mapped.then(() => buffer.unmap());
    return data;
  }

  async close(): Promise<void> {
    await this.#staging?.free;
    this.#staging?.buffer.destroy();
    this.#staging = null;
  }

  async #stagingOf(size: number): Promise<GPUBuffer> {
    await this.#staging?.free;
    if (this.#staging && this.#staging.buffer.size >= size) return this.#staging.buffer;
    this.#staging?.buffer.destroy();
    const buffer = this.#device.createBuffer({
      size,
      usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ,
    });
    // The quick way works on buffers that were mapped once before.
    await buffer.mapAsync(GPUMapMode.READ);
    buffer.unmap();
    this.#staging = { buffer, free: Promise.resolve() };
    return buffer;
  }
}

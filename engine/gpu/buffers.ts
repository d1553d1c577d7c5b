/** What a buffer is for; every engine buffer can be written from the host and copied. */
const USAGE = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;

/**
 * Owns GPU buffers: whoever creates buffers holds a scope, and destroying the scope destroys them
 * all. Garbage collection of GPU memory is too late to rely on.
 */
export class BufferScope {
  readonly #device: GPUDevice;
  readonly #owned: GPUBuffer[] = [];
  #bytes = 0;

  constructor(device: GPUDevice) {
    this.#device = device;
  }

  /** Bytes of all buffers this scope owns. */
  get bytes(): number {
    return this.#bytes;
  }

  /** A zeroed storage buffer of at least `bytes`, rounded up to 16. */
  storage(label: string, bytes: number): GPUBuffer {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    return this.#own(this.#device.createBuffer({ label, size, usage: USAGE }));
  }

  /** A storage buffer holding `data`. */
  from(label: string, data: ArrayBufferView<ArrayBuffer>): GPUBuffer {
    const buffer = this.storage(label, data.byteLength);
    if (data.byteLength > 0) this.#device.queue.writeBuffer(buffer, 0, data);
    return buffer;
  }

  uniform(label: string, bytes: number): GPUBuffer {
    const usage = GPUBufferUsage.UNIFORM | GPUBufferUsage.COPY_DST;
    return this.#own(this.#device.createBuffer({ label, size: bytes, usage }));
  }

  staging(label: string, bytes: number): GPUBuffer {
    const usage = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
    return this.#own(this.#device.createBuffer({ label, size: bytes, usage }));
  }

  destroy(): void {
    for (const buffer of this.#owned) buffer.destroy();
    this.#owned.length = 0;
    this.#bytes = 0;
  }

  #own(buffer: GPUBuffer): GPUBuffer {
    this.#owned.push(buffer);
    this.#bytes += buffer.size;
    return buffer;
  }
}

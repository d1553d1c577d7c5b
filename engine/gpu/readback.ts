import type { Gpu } from "./device.ts";
import type { Recorder } from "./recorder.ts";

const RING = 8;

/** A buffer's first bytes. */
export interface ReadPart {
  buffer: GPUBuffer;
  bytes: number;
}

/** Copies that were recorded. */
export interface Staged {
  /**
   * The bytes of each part, in order; call once, after the recording was submitted. Errors of the device
   * surface later (`Gpu.fault`): check before believing the result.
   */
  read(): Promise<ArrayBuffer[]>;
}

interface Staging {
  buffer: GPUBuffer;
  /** Resolves when the buffer is unmapped and may be copied into again. */
  free: Promise<void>;
}

/**
 * Brings results to the host without Deno's 10 ms sleep in `mapAsync` (docs/PLATFORM.md, "Reading
 * back"). A buffer that was once mapped with `await` gives its finished contents to
 * `getMappedRange()` right after the call to `mapAsync()`, which has drained the queue. That is
 * undocumented, so it is tested when opened and given up where it fails.
 */
export class Readback {
  readonly #staging: Staging[];
  readonly #quick: boolean;
  readonly #capacity: number;
  #next = 0;

  private constructor(staging: Staging[], quick: boolean) {
    this.#staging = staging;
    this.#quick = quick;
    this.#capacity = staging[0].buffer.size;
  }

  /** `bytes` is the most one read can bring; `quick: false` takes the slow way without a test. */
  static async open(
    gpu: Gpu,
    bytes: number,
    options: { quick?: boolean } = {},
  ): Promise<Readback> {
    const size = Math.max(16, Math.ceil(bytes / 16) * 16);
    const staging = Array.from({ length: RING }, (_, i) => ({
      buffer: gpu.buffers.staging(`readback ${i}`, size),
      free: Promise.resolve(),
    }));
    await Promise.all(staging.map(async ({ buffer }) => {
      await buffer.mapAsync(GPUMapMode.READ);
      buffer.unmap();
    }));
    const quick = (options.quick ?? true) &&
      await quickMapWorks(gpu, staging.slice(0, 3).map(({ buffer }) => buffer));
    return new Readback(staging, quick);
  }

  /** False where results take the slow way. */
  get quick(): boolean {
    return this.#quick;
  }

  /** Submits what `recorder` holds and returns the first bytes of each buffer after it ran. */
  async read(recorder: Recorder, parts: readonly ReadPart[]): Promise<ArrayBuffer[]> {
    const staged = await this.stage(recorder, parts);
    recorder.submit();
    return await staged.read();
  }

  /**
   * Records copies of the first bytes of each buffer. At most half the ring may be staged and not read
   * yet; what is never submitted needs no reading.
   */
  async stage(recorder: Recorder, parts: readonly ReadPart[]): Promise<Staged> {
    const total = parts.reduce((sum, { bytes }) => sum + bytes, 0);
    if (total > this.#capacity) {
      throw new Error(`cannot read back ${total} bytes: the ring holds ${this.#capacity}`);
    }
    const slot = this.#staging[this.#next];
    this.#next = (this.#next + 1) % RING;
    await slot.free;
    let offset = 0;
    for (const { buffer, bytes } of parts) {
      recorder.copy(buffer, slot.buffer, { offset, bytes });
      offset += bytes;
    }
    return { read: () => this.#read(slot, parts, total) };
  }

  async #read(slot: Staging, parts: readonly ReadPart[], total: number): Promise<ArrayBuffer[]> {
    const mapped = slot.buffer.mapAsync(GPUMapMode.READ, 0, total);
    // On a lost device the calls below throw, too: one rejection nobody awaits would end the process.
    mapped.catch(() => {});
    if (!this.#quick) await mapped;
    const data = slot.buffer.getMappedRange(0, total).slice(0);
    slot.free = mapped.then(() => slot.buffer.unmap());
    slot.free.catch(() => {});
    let offset = 0;
    return parts.map(({ bytes }) => data.slice(offset, offset += bytes));
  }

  /** Waits until no map is pending; call before destroying the device. */
  async close(): Promise<void> {
    await Promise.all(this.#staging.map(({ free }) => free));
  }
}

/** Tries each buffer once, without a wait in between; all of them have been mapped before. */
async function quickMapWorks(gpu: Gpu, stagings: readonly GPUBuffer[]): Promise<boolean> {
  const source = gpu.device.createBuffer({
    size: 16,
    usage: GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
  });
  let works = true;
  const mappings: Promise<void>[] = [];
  for (const [round, staging] of stagings.entries()) {
    const expected = new Uint32Array(4).map((_, i) => (round + 1) * 0x9e3779b9 + i);
    gpu.device.queue.writeBuffer(source, 0, expected);
    const encoder = gpu.device.createCommandEncoder();
    encoder.copyBufferToBuffer(source, 0, staging, 0, 16);
    gpu.device.queue.submit([encoder.finish()]);
    mappings.push(staging.mapAsync(GPUMapMode.READ, 0, 16).then(() => staging.unmap()));
    try {
      const got = new Uint32Array(staging.getMappedRange(0, 16).slice(0));
      works &&= got.every((value, i) => value === expected[i]);
    } catch {
      works = false;
    }
  }
  await Promise.all(mappings);
  source.destroy();
  return works;
}

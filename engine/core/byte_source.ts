/** Random-access bytes: a file, or memory. */
export interface ByteSource {
  /** Total bytes. */
  readonly size: number;
  /** Exactly `length` bytes from `offset`; rejects when they are not all there. */
  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>>;
}

/** Bytes already in memory. */
export class MemorySource implements ByteSource {
  readonly size: number;
  readonly #bytes: Uint8Array<ArrayBuffer>;

  constructor(bytes: Uint8Array<ArrayBuffer>) {
    this.#bytes = bytes;
    this.size = bytes.byteLength;
  }

  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (offset + length > this.size) {
      return Promise.reject(new RangeError(readPastEnd({ offset, length, size: this.size })));
    }
    return Promise.resolve(this.#bytes.subarray(offset, offset + length));
  }
}

/** A file, read in place. Close it after use. */
export class FileSource implements ByteSource, Disposable {
  readonly size: number;
  readonly #file: Deno.FsFile;
  // Reads share one file position, so they take turns.
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(file: Deno.FsFile, size: number) {
    this.#file = file;
    this.size = size;
  }

  /** @throws {Deno.errors.NotFound} and what else opening a file can throw. */
  static async open(path: string): Promise<FileSource> {
    const file = await Deno.open(path);
    try {
      return new FileSource(file, (await file.stat()).size);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  read(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    const result = this.#turn.then(() => this.#readNow(offset, length));
    this.#turn = result.catch(() => {});
    return result;
  }

  async #readNow(offset: number, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (offset + length > this.size) {
      throw new RangeError(readPastEnd({ offset, length, size: this.size }));
    }
    const bytes = new Uint8Array(length);
    await this.#file.seek(offset, Deno.SeekMode.Start);
    for (let filled = 0; filled < length;) {
      const count = await this.#file.read(bytes.subarray(filled));
      if (count === null) throw new RangeError(`the file shrank below ${offset + length} bytes`);
      filled += count;
    }
    return bytes;
  }

  close(): void {
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

function readPastEnd(at: { offset: number; length: number; size: number }): string {
  return `cannot read ${at.length} bytes at ${at.offset} of ${at.size}`;
}

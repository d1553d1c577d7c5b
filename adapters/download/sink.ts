import { WeftError } from "../../engine/core/errors.ts";
import { asDiskError, codeOf } from "../disk/disk_error.ts";

/** Where a download's bytes go. */
export interface Sink {
  /** Bytes written since the last reset. */
  readonly length: number;
  write(bytes: Uint8Array<ArrayBuffer>): Promise<void>;
  /** Drops everything: the download starts anew. */
  reset(): Promise<void>;
}

/** What most configurations and manifests fit in. */
const FIRST_BYTES = 1 << 14;

/**
 * Collects a small object in memory. It copies: a chunk may be one byte of a large buffer, and an origin could send
 * millions of them.
 */
export class MemorySink implements Sink {
  #buffer = new Uint8Array(FIRST_BYTES);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get bytes(): Uint8Array<ArrayBuffer> {
    return this.#buffer.slice(0, this.#length);
  }

  write(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
    const length = this.#length + bytes.byteLength;
    if (length > this.#buffer.byteLength) {
      const larger = new Uint8Array(Math.max(length, 2 * this.#buffer.byteLength));
      larger.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#length);
    this.#length = length;
    return Promise.resolve();
  }

  reset(): Promise<void> {
    this.#length = 0;
    return Promise.resolve();
  }
}

/** Writes to a file, which it creates or empties. Close it after use. */
export class FileSink implements Sink, Disposable {
  readonly #file: Deno.FsFile;
  #length = 0;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** @throws {WeftError} `disk_full`, or `unavailable` when the file cannot be written; so do its methods. */
  static async create(path: string): Promise<FileSink> {
    const options = { write: true, create: true, truncate: true, mode: 0o600 };
    return new FileSink(await Deno.open(path, options).catch(refuse));
  }

  get length(): number {
    return this.#length;
  }

  async write(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.byteLength;) {
      written += await this.#file.write(bytes.subarray(written)).catch(refuse);
    }
    this.#length += bytes.byteLength;
  }

  async reset(): Promise<void> {
    if (this.#length === 0) return;
    await this.#file.truncate(0).catch(refuse);
    await this.#file.seek(0, Deno.SeekMode.Start);
    this.#length = 0;
  }

  [Symbol.dispose](): void {
    this.#file.close();
  }
}

/** What a failed write means. The system's own message holds a path, so it stays in the cause. */
export function writeError(error: unknown): WeftError {
  const known = asDiskError(error);
  if (known instanceof WeftError) return known;
  const code = codeOf(error) ?? "unknown";
  return new WeftError("unavailable", `the adapter cache cannot be written (${code})`, {
    cause: error,
  });
}

function refuse(error: unknown): never {
  throw writeError(error);
}

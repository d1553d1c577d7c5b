import { createHash, type Hash } from "node:crypto";
import { messageOf, WeftError } from "../core/errors.ts";

/** What a downloaded file must turn out to be. */
export interface ExpectedFile {
  /** In bytes. */
  size: number;
  /** `sha256` over the content, or `git` for the sha1 that git gives a blob. */
  digest: { kind: "sha256" | "git"; hex: string } | null;
}

export interface DownloadOptions extends ExpectedFile {
  url: string;
  /** Gets one request's response; throws for statuses that trying again will not change. */
  fetch: (url: string, init: RequestInit) => Promise<Response>;
  signal?: AbortSignal;
  /** Called with the bytes so far, those of earlier runs included. */
  onBytes?: (bytes: number) => void;
  retry: RetryOptions;
}

export interface RetryOptions {
  /** Attempts without a single new byte before giving up. */
  attempts: number;
  /** Before the second attempt; doubles with each. */
  delayMs: number;
  /** A transfer that brings nothing for so long counts as cut. */
  idleMs: number;
}

export const DEFAULT_RETRY: RetryOptions = { attempts: 5, delayMs: 500, idleMs: 60_000 };

/**
 * Downloads a file to `path`. Bytes collect in `path.part`, which a later call continues; only a
 * complete file with the right size and digest takes the final name.
 *
 * @throws {WeftError} `unavailable` when the transfer fails again and again, `bad_model` when the content
 * is not what was announced.
 */
export async function downloadFile(path: string, options: DownloadOptions): Promise<void> {
  if (await hasSize(path, options.size)) {
    options.onBytes?.(options.size);
    return;
  }
  const partPath = `${path}.part`;
  using file = await Deno.open(partPath, { create: true, read: true, write: true });
  if (!await file.tryLock(true)) {
    throw new WeftError(
      "unavailable",
      `Cannot download ${path}: another process is writing ${partPath}; wait for it to end`,
    );
  }
  const part = await PartFile.resume(file, options);
  await fill(part, options);
  if (!part.matches()) {
    await Deno.remove(partPath);
    throw new WeftError(
      "bad_model",
      `Cannot use the download of ${options.url}: its content does not have the announced digest ` +
        `${options.digest?.hex}; the partial file is removed, try again`,
    );
  }
  await file.sync();
  await Deno.rename(partPath, path);
}

async function hasSize(path: string, size: number): Promise<boolean> {
  try {
    return (await Deno.stat(path)).size === size;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

/** Requests what is missing until nothing is. */
async function fill(part: PartFile, options: DownloadOptions): Promise<void> {
  const { attempts, delayMs } = options.retry;
  let failures = 0;
  while (part.length < options.size) {
    const before = part.length;
    try {
      await transfer(part, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (error instanceof WeftError && error.code !== "unavailable") throw error;
      failures = part.length > before ? 1 : failures + 1;
      if (failures >= attempts) {
        throw new WeftError(
          "unavailable",
          `Cannot download ${options.url}: ${
            messageOf(error)
          }; ${part.length} of ${options.size} ` +
            `bytes are kept, run again to continue`,
          { cause: error },
        );
      }
      await sleep(delayMs * 2 ** (failures - 1), options.signal);
    }
  }
}

/** One request for the rest of the file. */
async function transfer(part: PartFile, options: DownloadOptions): Promise<void> {
  const { url, size, signal, retry } = options;
  const idle = new AbortController();
  const giveUp = () => idle.abort(new Error(`nothing arrived for ${retry.idleMs} ms`));
  let timer = setTimeout(giveUp, retry.idleMs);
  try {
    const response = await options.fetch(url, {
      headers: part.length > 0 ? { range: `bytes=${part.length}-` } : {},
      signal: signal ? AbortSignal.any([signal, idle.signal]) : idle.signal,
    });
    if (!response.body) throw new Error("the answer has no body");
    // A server may ignore the range and send everything.
    if (part.length > 0 && !continues(response, part.length)) await part.restart();
    for await (const bytes of response.body) {
      clearTimeout(timer);
      if (part.length + bytes.length > size) {
        await part.restart();
        throw new WeftError("bad_model", `Cannot use ${url}: it is longer than ${size} bytes`);
      }
      await part.append(bytes);
      options.onBytes?.(part.length);
      timer = setTimeout(giveUp, retry.idleMs);
    }
    if (part.length < size) throw new Error("the connection ended early");
  } finally {
    clearTimeout(timer);
  }
}

function continues(response: Response, offset: number): boolean {
  const range = response.headers.get("content-range") ?? "";
  return response.status === 206 && range.startsWith(`bytes ${offset}-`);
}

/** The growing `.part` file and the digest of what it holds. */
class PartFile {
  readonly #file: Deno.FsFile;
  readonly #expected: ExpectedFile;
  #hash: Hash | null;
  #length = 0;

  private constructor(file: Deno.FsFile, expected: ExpectedFile) {
    this.#file = file;
    this.#expected = expected;
    this.#hash = startHash(expected);
  }

  /** Takes over what an earlier run left, unless that is longer than the whole. */
  static async resume(file: Deno.FsFile, expected: ExpectedFile): Promise<PartFile> {
    const part = new PartFile(file, expected);
    if ((await file.stat()).size > expected.size) await file.truncate(0);
    const buffer = new Uint8Array(1 << 20);
    for (let n = await file.read(buffer); n !== null; n = await file.read(buffer)) {
      part.#hash?.update(buffer.subarray(0, n));
      part.#length += n;
    }
    return part;
  }

  get length(): number {
    return this.#length;
  }

  async append(bytes: Uint8Array): Promise<void> {
    for (let written = 0; written < bytes.length;) {
      written += await this.#file.write(bytes.subarray(written));
    }
    this.#hash?.update(bytes);
    this.#length += bytes.length;
  }

  async restart(): Promise<void> {
    await this.#file.truncate(0);
    await this.#file.seek(0, Deno.SeekMode.Start);
    this.#hash = startHash(this.#expected);
    this.#length = 0;
  }

  /** Whether the content is the announced one. Ends the digest. */
  matches(): boolean {
    const { digest } = this.#expected;
    return digest === null || this.#hash?.digest("hex") === digest.hex;
  }
}

function startHash({ digest, size }: ExpectedFile): Hash | null {
  if (digest === null) return null;
  if (digest.kind === "sha256") return createHash("sha256");
  return createHash("sha1").update(`blob ${size}\0`);
}

function sleep(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener("abort", stop);
      resolve();
    }, ms);
    signal?.addEventListener("abort", stop, { once: true });
  });
}

import { stat } from "node:fs/promises";
import { join } from "node:path";
import { FileSource } from "../../engine/core/byte_source.ts";
import { messageOf, WeftError } from "../../engine/core/errors.ts";
import { CONFIG_FILE, MAX_CONFIG_BYTES, PICKLE_FILE, WEIGHTS_FILE } from "../peft/mod.ts";
import type { AdapterSource, VersionedFiles } from "../source.ts";

const READ_ATTEMPTS = 3;

export interface LocalSourceOptions {
  /** A weights file beyond this is refused unread, in bytes. */
  maxWeightBytes: number;
}

/** A PEFT directory on this machine. Links are followed. */
export class LocalSource implements AdapterSource {
  readonly location: string;
  readonly #maxWeightBytes: number;

  constructor(path: string, { maxWeightBytes }: LocalSourceOptions) {
    this.location = path;
    this.#maxWeightBytes = maxWeightBytes;
  }

  async version(): Promise<string> {
    const config = await this.#identify(CONFIG_FILE);
    const weights = await this.#identify(WEIGHTS_FILE).catch(async (error) => {
      if (!await this.#has(PICKLE_FILE)) throw error;
      throw refuse(
        `it has only ${PICKLE_FILE}, a pickle, which can run code; save it as ${WEIGHTS_FILE}`,
      );
    });
    return `${config} ${weights}`;
  }

  async readConfig(): Promise<Uint8Array<ArrayBuffer>> {
    await this.#identify(CONFIG_FILE);
    return await this.#readFile(CONFIG_FILE, MAX_CONFIG_BYTES);
  }

  /** The files may be replaced while they are read: then they are read again. */
  async read(signal?: AbortSignal): Promise<VersionedFiles> {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      signal?.throwIfAborted();
      const version = await this.version();
      const config = await this.#readFile(CONFIG_FILE, MAX_CONFIG_BYTES);
      const weights = await this.#readFile(WEIGHTS_FILE, this.#maxWeightBytes);
      if (await this.version() === version) return { files: { config, weights }, version };
    }
    throw new WeftError(
      "unavailable",
      `its files changed while they were read, ${READ_ATTEMPTS} times in a row`,
      { retryAfterSeconds: 1 },
    );
  }

  /** Changes whenever the file is written or replaced. Only a regular file has one: opening a pipe would hang. */
  async #identify(file: string): Promise<string> {
    const found = await this.#reach(file, (path) => stat(path, { bigint: true }));
    if (!found.isFile()) throw refuse(`${file} is not a regular file`);
    return `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
  }

  #readFile(file: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
    return this.#reach(file, async (path) => {
      using source = await FileSource.open(path);
      if (source.size > maxBytes) {
        throw refuse(`${file} has ${source.size} bytes; at most ${maxBytes} are allowed`);
      }
      return await source.read(0, source.size);
    });
  }

  async #reach<T>(file: string, action: (path: string) => Promise<T>): Promise<T> {
    try {
      return await action(join(this.location, file));
    } catch (error) {
      if (error instanceof WeftError) throw error;
      if (isMissing(error)) throw refuse(`${file} is missing in ${this.location}`);
      throw new WeftError("unavailable", `${file} cannot be read: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  async #has(file: string): Promise<boolean> {
    return await stat(join(this.location, file)).then(() => true, () => false);
  }
}

/** True for what Deno and Node throw when a file does not exist. */
export function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

function refuse(why: string): WeftError {
  return new WeftError("bad_adapter", why);
}

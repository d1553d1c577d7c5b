import { realpath, stat } from "node:fs/promises";
import { basename, join } from "node:path";
import { FileSource } from "../../engine/core/byte_source.ts";
import { WeftError } from "../../engine/core/errors.ts";
import { CONFIG_FILE, MAX_CONFIG_BYTES, PICKLE_FILE, WEIGHTS_FILE } from "../peft/mod.ts";
import type { AdapterSource, VersionedFiles } from "../source.ts";

const READ_ATTEMPTS = 3;

export interface LocalSourceOptions {
  /** A weights file beyond this is refused unread, in bytes. */
  maxWeightBytes: number;
}

/**
 * A PEFT directory on this machine. Links are followed; a link to the directory is followed once per read, so
 * that pointing it elsewhere replaces both files in one step.
 */
export class LocalSource implements AdapterSource {
  readonly location: string;
  readonly #maxWeightBytes: number;

  constructor(path: string, { maxWeightBytes }: LocalSourceOptions) {
    this.location = path;
    this.#maxWeightBytes = maxWeightBytes;
  }

  async version(): Promise<string> {
    return await versionOf(await this.#root());
  }

  async readConfig(): Promise<Uint8Array<ArrayBuffer>> {
    const path = join(await this.#root(), CONFIG_FILE);
    await identify(path);
    return await readFile(path, MAX_CONFIG_BYTES);
  }

  /** The files may be replaced while they are read: then they are read again. */
  async read(signal?: AbortSignal): Promise<VersionedFiles> {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      signal?.throwIfAborted();
      const root = await this.#root();
      const version = await versionOf(root);
      const config = await readFile(join(root, CONFIG_FILE), MAX_CONFIG_BYTES);
      const weights = await readFile(join(root, WEIGHTS_FILE), this.#maxWeightBytes);
      if (await versionOf(root) === version) return { files: { config, weights }, version };
    }
    throw new WeftError(
      "unavailable",
      `its files changed while they were read, ${READ_ATTEMPTS} times in a row`,
      { retryAfterSeconds: 1 },
    );
  }

  #root(): Promise<string> {
    return reach(this.location, (path) => realpath(path));
  }
}

async function versionOf(root: string): Promise<string> {
  const config = await identify(join(root, CONFIG_FILE));
  const weights = await identify(join(root, WEIGHTS_FILE)).catch(async (error) => {
    const hasPickle = await stat(join(root, PICKLE_FILE)).then(() => true, () => false);
    if (!hasPickle) throw error;
    throw refuse(
      `it has only ${PICKLE_FILE}, a pickle, which can run code; save it as ${WEIGHTS_FILE}`,
    );
  });
  return `${config} ${weights}`;
}

/** Changes whenever the file is written or replaced. Only a regular file has one: opening a pipe would hang. */
async function identify(path: string): Promise<string> {
  const found = await reach(path, (path) => stat(path, { bigint: true }));
  if (!found.isFile()) throw refuse(`${basename(path)} is not a regular file`);
  return `${found.dev}:${found.ino}:${found.size}:${found.mtimeNs}:${found.ctimeNs}`;
}

function readFile(path: string, maxBytes: number): Promise<Uint8Array<ArrayBuffer>> {
  return reach(path, async (path) => {
    using source = await FileSource.open(path);
    if (source.size > maxBytes) {
      throw refuse(
        `${basename(path)} has ${source.size} bytes; at most ${maxBytes} are allowed`,
      );
    }
    return await source.read(0, source.size);
  });
}

async function reach<T>(path: string, action: (path: string) => Promise<T>): Promise<T> {
  try {
    return await action(path);
  } catch (error) {
    if (error instanceof WeftError) throw error;
    const code = error instanceof Error && "code" in error ? error.code : undefined;
    if (code === "ENOENT") throw refuse(`${basename(path)} does not exist`);
    // Clients see this: the system's own message, which holds the whole path, is for the log.
    throw new WeftError("unavailable", `${basename(path)} cannot be read (${code ?? "unknown"})`, {
      cause: error,
    });
  }
}

function refuse(why: string): WeftError {
  return new WeftError("bad_adapter", why);
}

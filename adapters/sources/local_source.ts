import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { WeftError } from "../../engine/core/errors.ts";
import { type BundleKind, extractBundle, writeError } from "../download/mod.ts";
import type { AdapterContent, AdapterSource, ReadOptions } from "../origin.ts";
import {
  type AdapterFiles,
  CONFIG_FILE,
  MAX_CONFIG_BYTES,
  PICKLE_FILE,
  WEIGHTS_FILE,
} from "../peft/mod.ts";
import { adapterError } from "../reasons.ts";
import { type AdapterForm, formOf } from "./adapter_url.ts";
import { bundlePath, clearStaging, readStaged, refusePickle } from "./fetcher.ts";
import {
  exists,
  identify,
  isDirectory,
  readWhole,
  realPathWithin,
  refuseOutside,
} from "./local_files.ts";
import { READ_ATTEMPTS } from "./remote_source.ts";

export interface LocalSourceOptions {
  /** A weights file or bundle beyond this is refused unread, in bytes. */
  maxBytes: number;
  /** Every file must really lie below one of these directories; without it, links may lead anywhere. */
  roots?: readonly string[];
}

/**
 * A PEFT directory or a bundle on this machine. A link to the directory is followed once per read, so that
 * pointing it elsewhere replaces both files in one step.
 */
export class LocalSource implements AdapterSource {
  readonly isLocal = true;
  readonly location: string;
  readonly #maxBytes: number;
  readonly #roots?: readonly string[];

  /** @throws {WeftError} `path_not_allowed` when the path isn't below a root. */
  constructor(path: string, { maxBytes, roots }: LocalSourceOptions) {
    this.location = path;
    this.#maxBytes = maxBytes;
    this.#roots = roots;
    refuseOutside(path, roots);
  }

  /** The files may be replaced while they are read: then they are read again. */
  async read({ unless, staging, signal }: ReadOptions): Promise<AdapterContent | null> {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      signal.throwIfAborted();
      const path = await realPathWithin(this.location, this.#roots);
      const form = await isDirectory(path) ? "directory" : formOf(this.location);
      const version = await this.#versionOf(path, form);
      if (version === unless) return null;
      const files = form === "directory"
        ? await this.#readDirectory(path)
        : await this.#readBundle(path, { kind: form, staging, signal });
      if (await this.#versionOf(path, form) === version) return { version, files };
    }
    throw adapterError(
      "content_changed",
      `its files changed while they were read, ${READ_ATTEMPTS} times in a row`,
    );
  }

  async #versionOf(path: string, form: AdapterForm): Promise<string> {
    if (form !== "directory") return await identify(path);
    const config = await this.#fileIn(path, CONFIG_FILE).then(identify);
    const weights = await this.#fileIn(path, WEIGHTS_FILE).then(identify).catch(async (error) => {
      const isMissing = error instanceof WeftError && error.reason === "missing_file";
      throw isMissing && await exists(join(path, PICKLE_FILE)) ? refusePickle() : error;
    });
    return `${config} ${weights}`;
  }

  async #readDirectory(path: string): Promise<AdapterFiles> {
    return {
      config: await readWhole(await this.#fileIn(path, CONFIG_FILE), MAX_CONFIG_BYTES),
      weights: await readWhole(await this.#fileIn(path, WEIGHTS_FILE), this.#maxBytes),
    };
  }

  async #readBundle(
    path: string,
    { kind, staging, signal }: { kind: BundleKind; staging: string; signal: AbortSignal },
  ): Promise<AdapterFiles> {
    const maxBytes = this.#maxBytes;
    try {
      // Unpacking uses the archive up.
      await copyFile(path, bundlePath(staging)).catch((error) => {
        throw writeError(error);
      });
      await extractBundle(bundlePath(staging), kind, { into: staging, maxBytes, signal });
      return await readStaged(staging);
    } finally {
      await clearStaging(staging);
    }
  }

  #fileIn(directory: string, name: string): Promise<string> {
    const path = join(directory, name);
    return this.#roots ? realPathWithin(path, this.#roots) : Promise.resolve(path);
  }
}

import { join } from "node:path";
import {
  type BundleKind,
  digestOf,
  type Downloaded,
  isEntityTag,
  withDeadline,
} from "../download/mod.ts";
import type { AdapterContent, AdapterSource, ReadOptions } from "../origin.ts";
import { CONFIG_FILE, WEIGHTS_FILE } from "../peft/mod.ts";
import { adapterError } from "../reasons.ts";
import type { AdapterForm } from "./adapter_url.ts";
import { bundlePath, clearStaging, type Fetcher, type ObjectPlace, readStaged } from "./fetcher.ts";

/** How often a directory's files may change while they are read. */
export const READ_ATTEMPTS = 3;

export interface RemoteSourceOptions extends ObjectPlace {
  form: AdapterForm;
  /** For people. */
  location: string;
  fetcher: Fetcher;
}

/**
 * An adapter in an object store: a PEFT directory, or a bundle. Its version is the ETag of each object; where an
 * origin gives none, the sha256 of the object's content stands for it, and is known only after a download.
 */
export class RemoteSource implements AdapterSource {
  readonly isLocal = false;
  readonly location: string;
  readonly #place: ObjectPlace;
  readonly #form: AdapterForm;
  readonly #fetcher: Fetcher;

  constructor({ store, key, form, location, fetcher }: RemoteSourceOptions) {
    this.#place = { store, key };
    this.#form = form;
    this.location = location;
    this.#fetcher = fetcher;
  }

  async read({ unless, ...options }: ReadOptions): Promise<AdapterContent | null> {
    const { staging } = options;
    const version = await withDeadline(
      (signal) => this.#fetch(unless, { ...options, signal }),
      {
        ms: this.#fetcher.limits.totalMs,
        signal: options.signal,
        location: this.location,
      },
    );
    if (version !== unless) return { version, files: await readStaged(staging) };
    await clearStaging(staging);
    return null;
  }

  /** Leaves the two files in the staging directory and returns their version, unless it is the known one. */
  async #fetch(known: string | undefined, options: FetchOptions): Promise<string> {
    if (this.#form !== "directory") return await this.#fetchBundle(this.#form, { known, options });
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const version = await this.#fetchPair(attempt === 0 ? known : undefined, options);
      if (version !== null) return version;
    }
    throw adapterError(
      "content_changed",
      `its files changed while they were read, ${READ_ATTEMPTS} times in a row`,
    );
  }

  async #fetchBundle(
    kind: BundleKind,
    { known, options }: { known?: string; options: FetchOptions },
  ): Promise<string> {
    const unless = askable(known);
    const got = await this.#fetcher.bundle(this.#place, { ...options, unless });
    if (got === null) return known!;
    const version = await identify(got, bundlePath(options.staging));
    if (version !== known) await this.#fetcher.unpack(kind, options);
    return version;
  }

  /**
   * Both files' version, or null when they may not belong together: the configuration must be the same before
   * and after the tensors.
   */
  async #fetchPair(known: string | undefined, options: FetchOptions): Promise<string | null> {
    const { staging } = options;
    const [knownConfig, knownWeights] = known?.split(" ") ?? [];
    const config = (options: FetchOptions, unless?: string) =>
      this.#fetcher.file(this.#place, { ...options, name: CONFIG_FILE, unless });
    const identifyConfig = (got: Downloaded) => identify(got, join(staging, CONFIG_FILE));

    const first = await config(options, askable(knownConfig));
    const before = first === null ? knownConfig : await identifyConfig(first);
    const weights = await this.#fetcher.file(this.#place, {
      ...options,
      name: WEIGHTS_FILE,
      unless: first === null ? askable(knownWeights) : undefined,
      doneBytes: first?.bytes,
    });
    if (weights === null) return known!;
    // One that was not sent before is needed now; one that was is only asked about.
    const again = await config({ staging, signal: options.signal }, first?.etag ?? undefined);
    const after = again === null ? before : await identifyConfig(again);
    if (after !== before) return null;
    return `${before} ${await identify(weights, join(staging, WEIGHTS_FILE))}`;
  }
}

type FetchOptions = Omit<ReadOptions, "unless">;

/** What identifies an object as downloaded; without spaces. */
async function identify({ etag }: Downloaded, path: string): Promise<string> {
  return etag ?? `sha256:${await digestOf(path, "sha256")}`;
}

/** The part of a version that an origin knows too. */
function askable(part: string | undefined): string | undefined {
  return part !== undefined && isEntityTag(part) ? part : undefined;
}

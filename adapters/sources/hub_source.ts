import { join } from "node:path";
import { type BundleKind, digestOf, withDeadline } from "../download/mod.ts";
import type { AdapterContent, AdapterSource, ReadOptions } from "../origin.ts";
import { CONFIG_FILE, PICKLE_FILE, WEIGHTS_FILE } from "../peft/mod.ts";
import { adapterError } from "../reasons.ts";
import type { AdapterForm } from "./adapter_url.ts";
import {
  bundlePath,
  clearStaging,
  type Fetcher,
  type FetchOptions,
  readStaged,
  refusePickle,
} from "./fetcher.ts";
import type { HubStore } from "./hf.ts";
import { READ_ATTEMPTS } from "./remote_source.ts";

export interface HubSourceOptions {
  store: HubStore;
  /** Of the directory or bundle in the repository. */
  key: string;
  form: AdapterForm;
  /** For people. */
  location: string;
  fetcher: Fetcher;
}

/**
 * An adapter on the Hugging Face hub. One look at its folder tells the files' digests: they are its version, and
 * what was downloaded must have them.
 */
export class HubSource implements AdapterSource {
  readonly isLocal = false;
  readonly location: string;
  readonly #store: HubStore;
  readonly #key: string;
  readonly #form: AdapterForm;
  readonly #fetcher: Fetcher;

  constructor({ store, key, form, location, fetcher }: HubSourceOptions) {
    this.#store = store;
    this.#key = key;
    this.#form = form;
    this.#fetcher = fetcher;
    this.location = location;
  }

  async read({ unless, ...options }: ReadOptions): Promise<AdapterContent | null> {
    const version = await withDeadline((signal) => this.#fetch(unless, { ...options, signal }), {
      ms: this.#fetcher.limits.totalMs,
      signal: options.signal,
      location: this.location,
    });
    return version === null ? null : { version, files: await readStaged(options.staging) };
  }

  async #fetch(unless: string | undefined, options: FetchOptions): Promise<string | null> {
    for (let attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
      const etags = await this.#look(options.signal);
      const version = etags.join(" ");
      if (version === unless) return null;
      const isWhole = this.#form === "directory"
        ? await this.#fetchPair(etags, options)
        : await this.#fetchBundle(this.#form, { etag: etags[0], options });
      if (isWhole) return version;
      await clearStaging(options.staging);
    }
    throw adapterError(
      "content_changed",
      `its files were not those that the hub lists, ${READ_ATTEMPTS} times in a row`,
    );
  }

  /** The digests of what is there now: of the configuration and the tensors, or of the bundle. */
  async #look(signal: AbortSignal): Promise<string[]> {
    const isBundle = this.#form !== "directory";
    const folder = isBundle ? this.#key.split("/").slice(0, -1).join("/") : this.#key;
    const etags = new Map<string, string>();
    for await (const { key, etag } of this.#store.listFolder(folder, signal)) etags.set(key, etag);
    const at = (name: string) => folder === "" ? name : `${folder}/${name}`;
    const keys = isBundle ? [this.#key] : [at(CONFIG_FILE), at(WEIGHTS_FILE)];
    return keys.map((key) => {
      const etag = etags.get(key);
      if (etag !== undefined) return etag;
      if (key === at(WEIGHTS_FILE) && etags.has(at(PICKLE_FILE))) throw refusePickle();
      throw adapterError(
        isBundle ? "origin_not_found" : "missing_file",
        `${this.#store.locate(key)} does not exist`,
      );
    });
  }

  async #fetchPair([config, weights]: string[], options: FetchOptions): Promise<boolean> {
    const { staging } = options;
    const place = { store: this.#store, key: this.#key };
    const first = await this.#fetcher.file(place, { ...options, name: CONFIG_FILE });
    if (!await matches(join(staging, CONFIG_FILE), config)) return false;
    const doneBytes = first?.bytes;
    await this.#fetcher.file(place, { ...options, name: WEIGHTS_FILE, doneBytes });
    return await matches(join(staging, WEIGHTS_FILE), weights);
  }

  async #fetchBundle(
    kind: BundleKind,
    { etag, options }: { etag: string; options: FetchOptions },
  ): Promise<boolean> {
    await this.#fetcher.bundle({ store: this.#store, key: this.#key }, options);
    if (!await matches(bundlePath(options.staging), etag)) return false;
    await this.#fetcher.unpack(kind, options);
    return true;
  }
}

/** Large files have a sha256, small ones the sha1 of a git blob. */
async function matches(path: string, etag: string): Promise<boolean> {
  const digest = etag.slice(1, -1);
  return await digestOf(path, digest.length === 64 ? "sha256" : "git") === digest;
}

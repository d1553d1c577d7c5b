import { join } from "node:path";
import { WeftError } from "../../engine/core/errors.ts";
import {
  type BundleKind,
  type Downloadable,
  type Downloaded,
  Downloader,
  type DownloaderOptions,
  extractBundle,
  FileSink,
  MemorySink,
  objectAt,
} from "../download/mod.ts";
import type { FetchProgress } from "../origin.ts";
import {
  type AdapterFiles,
  CONFIG_FILE,
  MAX_CONFIG_BYTES,
  PICKLE_FILE,
  WEIGHTS_FILE,
} from "../peft/mod.ts";
import { adapterError } from "../reasons.ts";
import type { ObjectStore } from "./object_store.ts";

/** Bounds on one fetch. */
export interface FetchLimits {
  /** A weights file or bundle, as downloaded and as unpacked, in bytes. */
  maxBytes: number;
  /** From the first request to the last byte, in ms. */
  totalMs: number;
}

/** Where an adapter is: a directory's or a bundle's key. */
export interface ObjectPlace {
  store: ObjectStore;
  /** Without a slash at either end. */
  key: string;
}

export interface FetchOptions {
  staging: string;
  signal: AbortSignal;
  onProgress?(progress: FetchProgress): void;
}

/** The steps of fetching an adapter into its staging directory, which every kind of remote source takes. */
export class Fetcher {
  readonly limits: FetchLimits;
  readonly downloader: Downloader;

  constructor({ limits, ...options }: DownloaderOptions & { limits: FetchLimits }) {
    this.limits = limits;
    this.downloader = new Downloader(options);
  }

  /** One of a directory's two files; null while it is still the one that `unless` names, and nothing is written. */
  async file(place: ObjectPlace, options: FileOptions): Promise<Downloaded | null> {
    const { name, signal } = options;
    try {
      return name === CONFIG_FILE
        ? await this.#config(place, options)
        : await this.#weights(place, options);
    } catch (error) {
      if (!(error instanceof WeftError) || error.reason !== "origin_not_found") throw error;
      throw await this.#missing(place, { name, signal });
    }
  }

  /** A bundle, not yet unpacked; null while it is still the one that `unless` names. */
  bundle(
    { store, key }: ObjectPlace,
    options: FetchOptions & { unless?: string },
  ): Promise<Downloaded | null> {
    const to = bundlePath(options.staging);
    return this.#save(objectAt(store, key), { ...options, to });
  }

  /** Puts the bundle's two files in its place. */
  async unpack(kind: BundleKind, { staging, signal }: FetchOptions): Promise<void> {
    const { maxBytes } = this.limits;
    await extractBundle(bundlePath(staging), kind, { into: staging, maxBytes, signal });
  }

  /** Small: it stays in memory until it is whole, so that asking again leaves the file alone. */
  async #config(place: ObjectPlace, { staging, ...options }: FileOptions) {
    const into = new MemorySink();
    const got = await this.downloader.download(fileOf(place, CONFIG_FILE), {
      ...options,
      into,
      maxBytes: MAX_CONFIG_BYTES,
      // Of the adapter's bytes; those of the other file are not known yet.
      onProgress: ({ doneBytes }) => options.onProgress?.({ doneBytes, totalBytes: null }),
    });
    if (got === null) return null;
    using file = await FileSink.create(join(staging, CONFIG_FILE));
    await file.write(into.bytes);
    return got;
  }

  async #weights(place: ObjectPlace, { staging, doneBytes = 0, ...options }: FileOptions) {
    const { onProgress } = options;
    return await this.#save(fileOf(place, WEIGHTS_FILE), {
      ...options,
      to: join(staging, WEIGHTS_FILE),
      onProgress: (progress) =>
        onProgress?.({
          doneBytes: doneBytes + progress.doneBytes,
          totalBytes: progress.totalBytes && doneBytes + progress.totalBytes,
        }),
    });
  }

  async #save(object: Downloadable, { to, ...options }: SaveOptions): Promise<Downloaded | null> {
    const { maxBytes } = this.limits;
    using into = await FileSink.create(to);
    return await this.downloader.download(object, { ...options, into, maxBytes });
  }

  /** Why a directory isn't an adapter. */
  async #missing(
    place: ObjectPlace,
    { name, signal }: { name: string; signal: AbortSignal },
  ): Promise<WeftError> {
    if (name === WEIGHTS_FILE) {
      const pickle = fileOf(place, PICKLE_FILE);
      if ([200, 206].includes(await this.downloader.probe(pickle, signal))) return refusePickle();
    }
    return adapterError("missing_file", `${fileOf(place, name).location} does not exist`);
  }
}

export interface FileOptions extends FetchOptions {
  name: typeof CONFIG_FILE | typeof WEIGHTS_FILE;
  /** An ETag. */
  unless?: string;
  /** What was downloaded of the adapter before. */
  doneBytes?: number;
}

interface SaveOptions extends Omit<FetchOptions, "staging"> {
  to: string;
  unless?: string;
}

export function bundlePath(staging: string): string {
  return join(staging, "bundle.part");
}

function fileOf({ store, key }: ObjectPlace, name: string): Downloadable {
  return objectAt(store, key === "" ? name : `${key}/${name}`);
}

export function refusePickle(): WeftError {
  return adapterError(
    "pickle_not_allowed",
    `it has only ${PICKLE_FILE}, a pickle, which can run code; save it as ${WEIGHTS_FILE}`,
  );
}

/** What a source left in its staging directory. */
export async function readStaged(staging: string): Promise<AdapterFiles> {
  const [config, weights] = await Promise.all(
    [CONFIG_FILE, WEIGHTS_FILE].map((name) => Deno.readFile(join(staging, name))),
  );
  return { config, weights };
}

/** Empties a staging directory, for another attempt. */
export async function clearStaging(staging: string): Promise<void> {
  for await (const { name } of Deno.readDir(staging)) await Deno.remove(join(staging, name));
}

import { join } from "node:path";
import type {
  AdapterCatalogue,
  AdapterContent,
  AdapterSource,
  ListedAdapter,
  Origins,
  ReadOptions,
  WatchedObject,
} from "../../adapters/mod.ts";
import { adapterError, type AdapterReason } from "../../adapters/mod.ts";
import type { AdapterFiles } from "../../adapters/peft/mod.ts";

/** For stores that never open a URL. */
export const NO_ORIGINS: Origins = {
  adapter: refuse,
  catalogue: refuse,
  object: refuse,
};

function refuse(): never {
  throw adapterError("scheme_not_allowed", "nothing is allowed here");
}

interface Hosted {
  files: AdapterFiles;
  version: string;
}

/** An origin in memory that behaves like a remote one: versions, conditions, staging, faults, delays. */
export class OriginHost implements Origins {
  readonly #hosted = new Map<string, Hosted>();
  readonly #faults = new Map<string, AdapterReason>();
  readonly #gates = new Map<string, Promise<void>>();
  #versions = 0;
  /** The objects in the manifest's and catalogues' places. */
  manifest: { version: string; text: string } | null = null;
  isUnreachable = false;
  listsVersions = true;
  /** Reads by URL, and how many of them brought content. */
  readonly reads: string[] = [];
  readonly downloads: string[] = [];
  lists = 0;
  running = 0;
  mostRunning = 0;

  /** Puts content at a URL, as a new version. */
  put(url: string, files: AdapterFiles): string {
    const version = `v${++this.#versions}`;
    this.#hosted.set(url, { files, version });
    return version;
  }

  remove(url: string): void {
    this.#hosted.delete(url);
  }

  fail(url: string, reason: AdapterReason | null): void {
    if (reason === null) this.#faults.delete(url);
    else this.#faults.set(url, reason);
  }

  /** Reads of the URL wait until the result is called. */
  hold(url: string): () => void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#gates.set(url, promise);
    return () => {
      this.#gates.delete(url);
      resolve();
    };
  }

  adapter(url: string): AdapterSource {
    if (url.startsWith("forbidden:")) throw adapterError("host_not_allowed", "not on the list");
    return {
      location: url.split("?")[0],
      isLocal: false,
      read: (options) => this.#read(url, options),
    };
  }

  catalogue(place: string): AdapterCatalogue {
    return {
      location: place,
      isLocal: false,
      list: (signal) => this.#list(place, signal),
    };
  }

  object(place: string): WatchedObject {
    return {
      location: place,
      read: async ({ unless }) => {
        await this.#reach();
        if (this.manifest === null) throw adapterError("origin_not_found", "no such object");
        const { version, text } = this.manifest;
        if (version === unless) return null;
        return { version, bytes: new TextEncoder().encode(text) };
      },
    };
  }

  async #read(url: string, options: ReadOptions): Promise<AdapterContent | null> {
    this.reads.push(url);
    this.mostRunning = Math.max(this.mostRunning, ++this.running);
    try {
      return await this.#answer(url, options);
    } finally {
      this.running--;
    }
  }

  async #answer(url: string, { unless, staging, signal, onProgress }: ReadOptions) {
    await this.#reach();
    const aborted = new Promise<never>((_, reject) =>
      signal.addEventListener("abort", () => reject(signal.reason), { once: true })
    );
    aborted.catch(() => {});
    onProgress?.({ doneBytes: 1, totalBytes: 2 });
    await Promise.race([this.#gates.get(url), aborted]);
    signal.throwIfAborted();
    const fault = this.#faults.get(url);
    if (fault) throw adapterError(fault, `the origin says ${fault}`);
    const hosted = this.#hosted.get(url);
    if (!hosted) throw adapterError("origin_not_found", "no such object");
    if (hosted.version === unless) return null;
    this.downloads.push(url);
    await Deno.writeFile(join(staging, "adapter_config.json"), hosted.files.config);
    await Deno.writeFile(join(staging, "adapter_model.safetensors"), hosted.files.weights);
    return hosted;
  }

  /** Every URL below the place is an adapter, named like its last part. */
  async #list(place: string, signal: AbortSignal): Promise<ListedAdapter[]> {
    this.lists++;
    await this.#reach();
    signal.throwIfAborted();
    return [...this.#hosted].filter(([url]) => url.startsWith(`${place}/`)).map((
      [url, { version }],
    ) => ({
      name: url.slice(place.length + 1),
      url,
      source: this.adapter(url),
      version: this.listsVersions ? version : undefined,
    }));
  }

  async #reach(): Promise<void> {
    await Promise.resolve();
    if (this.isUnreachable) throw adapterError("connect_failed", "nobody answers");
  }
}

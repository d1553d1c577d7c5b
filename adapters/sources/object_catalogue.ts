import { isEntityTag, withDeadline } from "../download/mod.ts";
import { MAX_ADAPTERS } from "../limits.ts";
import type { AdapterCatalogue, AdapterSource, ListedAdapter } from "../origin.ts";
import { CONFIG_FILE, WEIGHTS_FILE } from "../peft/mod.ts";
import { adapterError } from "../reasons.ts";
import { type AdapterForm, below, formOf, redact, stemOf } from "./adapter_url.ts";
import { MARKS, type Report, withGoodNames } from "./listing.ts";
import type { ListedObject } from "./object_store.ts";

export interface ObjectCatalogueOptions {
  /** Of the place, as given: with its query. */
  url: URL;
  /** For people. */
  location: string;
  /** The key of the place, without a slash at either end; "" is the store's root. */
  prefix: string;
  /** The name of the adapter that the place itself is, if it is one. */
  rootName: string;
  /** Every object whose key begins with the prefix. */
  list(prefix: string, signal: AbortSignal): AsyncIterable<ListedObject>;
  open(adapter: { key: string; form: AdapterForm; location: string }): AdapterSource;
  /** For one listing, in ms. */
  totalMs: number;
}

/** Of S3 and Azure alike. */
const MAX_KEY_LENGTH = 1024;

/** What the listing tells of an adapter: the ETags of its objects by file name. */
interface Found {
  form: AdapterForm;
  etags: Map<string, string>;
}

/** Every adapter below a prefix: each directory that holds one of its files, and each bundle. */
export class ObjectCatalogue implements AdapterCatalogue {
  readonly isLocal = false;
  readonly location: string;
  readonly #options: ObjectCatalogueOptions;

  constructor(options: ObjectCatalogueOptions) {
    this.location = options.location;
    this.#options = options;
  }

  list(signal: AbortSignal, report?: Report): Promise<ListedAdapter[]> {
    const { totalMs: ms } = this.#options;
    return withDeadline(async (signal) => {
      const found = await this.#find(signal, report);
      return withGoodNames([...found].map((entry) => this.#listed(...entry)), report);
    }, { ms, signal, location: this.location });
  }

  /** By path below the place; "" is the place itself. */
  async #find(signal: AbortSignal, report?: Report): Promise<Map<string, Found>> {
    const { prefix, list } = this.#options;
    const base = prefix === "" ? "" : `${prefix}/`;
    const found = new Map<string, Found>();
    const bundles: [path: string, Found][] = [];
    for await (const { key, etag } of list(base, signal)) {
      const path = key.slice(base.length);
      const slash = path.lastIndexOf("/");
      const file = path.slice(slash + 1);
      const form = formOf(file);
      const isMark = MARKS.includes(file);
      if (!isMark && form === "directory") continue;
      if (key.length > MAX_KEY_LENGTH) {
        report?.(
          `A key of ${key.length} characters is left out; at most ${MAX_KEY_LENGTH} are allowed`,
        );
      } else if (path.split("/").some((part) => ["", ".", ".."].includes(part))) {
        report?.(`${JSON.stringify(path)} is left out: no URL can name it`);
      } else if (!isMark) {
        bundles.push([path, { form, etags: new Map([[file, etag]]) }]);
      } else {
        const directory = path.slice(0, Math.max(0, slash));
        const adapter = found.get(directory) ?? { form: "directory", etags: new Map() };
        found.set(directory, adapter);
        adapter.etags.set(file, etag);
      }
      if (found.size + bundles.length > MAX_ADAPTERS) {
        throw adapterError("bad_response", `${this.location} holds over ${MAX_ADAPTERS} adapters`);
      }
    }
    // Beside an adapter's own files, other tensors are what its training left.
    for (const [path, bundle] of bundles) {
      const directory = path.slice(0, Math.max(0, path.lastIndexOf("/")));
      if (bundle.form !== "safetensors" || !found.has(directory)) found.set(path, bundle);
    }
    return found;
  }

  #listed(path: string, { form, etags }: Found): ListedAdapter {
    const { url, prefix, rootName, open } = this.#options;
    const key = [prefix, path].filter((part) => part !== "").join("/");
    const at = path === "" ? url : below(url, path);
    const files = form === "directory" ? [CONFIG_FILE, WEIGHTS_FILE] : [...etags.keys()];
    const parts = files.map((file) => etags.get(file));
    return {
      name: path === "" ? rootName : stemOf(path),
      url: at.href,
      source: open({ key, form, location: redact(at) }),
      // What is no ETag never comes with the objects either.
      version: parts.every((part) => part !== undefined && isEntityTag(part))
        ? parts.join(" ")
        : undefined,
    };
  }
}

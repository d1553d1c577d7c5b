import { dirname, resolve } from "node:path";
import type { DownloaderOptions } from "../download/mod.ts";
import type { AdapterCatalogue, AdapterSource, Origins, WatchedObject } from "../origin.ts";
import { adapterError } from "../reasons.ts";
import { type AdapterForm, formOf, parsePlace, type Place, redact, stemOf } from "./adapter_url.ts";
import { Fetcher, type FetchLimits } from "./fetcher.ts";
import { HubStore, parseHubUrl } from "./hf.ts";
import { WebStore } from "./https.ts";
import { HubSource } from "./hub_source.ts";
import { localCatalogue } from "./local_catalogue.ts";
import { LocalSource } from "./local_source.ts";
import { ObjectCatalogue } from "./object_catalogue.ts";
import { objectAt, type ObjectStore } from "./object_store.ts";
import { RemoteSource } from "./remote_source.ts";
import { watchedFile, watchedObject } from "./watched_object.ts";

export interface OriginsOptions extends DownloaderOptions {
  limits: FetchLimits;
  /** Directories below which paths and `file://` URLs may name adapters. */
  fileRoots: readonly string[];
  /** The local places that the configuration names: they and what lies directly in them, links too. */
  trustedPaths: readonly string[];
  hf: { endpoint: string; token?: string };
  /** The store of a bucket's URL and the key it names, decoded; undefined for what is no bucket's. */
  openBucket(url: URL): { store: ObjectStore; prefix: string } | undefined;
  /** Throws `host_not_allowed` or `scheme_not_allowed` for what the client would refuse anyway. */
  checkUrl?(url: URL): void;
}

/** A remote place opened: its store, and the key it names there. */
type Opened =
  | { kind: "hub"; store: HubStore; key: string; rootName: string }
  | { kind: "objects"; store: ObjectStore; key: string; rootName: string };

/** Picks what reads a URL, by its scheme. */
export function createOrigins(options: OriginsOptions): Origins {
  const { limits, openBucket, checkUrl } = options;
  const { maxBytes, totalMs } = limits;
  const fetcher = new Fetcher(options);
  const { downloader } = fetcher;
  const roots = options.fileRoots.map((root) => resolve(root));
  const trusted = options.trustedPaths.map((path) => resolve(path));
  const hub = {
    endpoint: options.hf.endpoint.replace(/\/+$/, ""),
    token: options.hf.token,
    downloader,
  };

  function open({ scheme, url }: Place & { kind: "remote" }): Opened {
    if (scheme === "hf") {
      checkUrl?.(new URL(hub.endpoint));
      const { path: key, ...place } = parseHubUrl(url);
      const rootName = stemOf(key) || place.repo.split("/")[1];
      return { kind: "hub", store: new HubStore(place, hub), key, rootName };
    }
    const rootName = stemOf(decodeURIComponent(url.pathname)) || url.host;
    const bucket = openBucket(url);
    if (bucket) {
      return { kind: "objects", store: bucket.store, key: trim(bucket.prefix), rootName };
    }
    if (scheme !== "https" && scheme !== "http") {
      throw adapterError("scheme_not_allowed", `${scheme}:// is not configured`);
    }
    checkUrl?.(url);
    const key = url.pathname.slice(1).replace(/\/+$/, "");
    return { kind: "objects", store: new WebStore(url), key, rootName };
  }

  function sourceOf(
    opened: Opened,
    { key, form, location }: { key: string; form: AdapterForm; location: string },
  ): AdapterSource {
    const options = { key, form, location, fetcher };
    return opened.kind === "hub"
      ? new HubSource({ ...options, store: opened.store })
      : new RemoteSource({ ...options, store: opened.store });
  }

  function isTrusted(path: string): boolean {
    return trusted.some((place) => path === place || dirname(path) === place);
  }

  return {
    adapter(text: string): AdapterSource {
      const place = parsePlace(text);
      if (place.kind === "local") {
        const { path } = place;
        return new LocalSource(path, { maxBytes, roots: isTrusted(path) ? undefined : roots });
      }
      const opened = open(place);
      const { key } = opened;
      return sourceOf(opened, { key, form: formOf(key), location: redact(place.url) });
    },

    catalogue(text: string): AdapterCatalogue {
      const place = parsePlace(text);
      if (place.kind === "local") return localCatalogue(place.path, { maxBytes });
      const { url } = place;
      const location = redact(url);
      const opened = open(place);
      const { store, key: prefix, rootName } = opened;
      if (!store.list) {
        throw adapterError(
          "bad_url",
          `${location} cannot be listed; name a bucket (s3://, gs://, az://, hf://) or a directory`,
        );
      }
      return new ObjectCatalogue({
        url,
        location,
        prefix,
        rootName,
        list: store.list.bind(store),
        open: (adapter) => sourceOf(opened, adapter),
        totalMs,
      });
    },

    object(text: string, { maxBytes, isGuarded = false } = {}): WatchedObject {
      const place = parsePlace(text);
      if (place.kind === "local") {
        const isFree = !isGuarded || isTrusted(place.path);
        return watchedFile(place.path, { maxBytes, roots: isFree ? undefined : roots });
      }
      const { store, key } = open(place);
      const object = { ...objectAt(store, key), location: redact(place.url) };
      return watchedObject(object, { downloader, totalMs, maxBytes });
    },
  };
}

function trim(key: string): string {
  return key.replace(/^\/+|\/+$/g, "");
}

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, WeftError } from "../engine/core/errors.ts";
import { DiskCache, StateLock } from "./disk/mod.ts";
import { Bandwidth, Downloader } from "./download/mod.ts";
import { createOriginClient } from "./http/mod.ts";
import type { AdapterCatalogue, Origins, WatchedObject } from "./origin.ts";
import { Registry } from "./registry/mod.ts";
import { KeptRouter } from "./router/mod.ts";
import {
  createBuckets,
  createOrigins,
  hostsOfBucket,
  ObjectStorageConfig,
  parsePlace,
} from "./sources/mod.ts";

/** Where adapters come from and where they are kept; see the flags of the same names. */
export interface AdapterWorldOptions {
  /** Holds the disk cache and the registry; no other process may use it meanwhile. */
  stateDir: string;
  diskBytes: number;
  /** Directories and URL prefixes that list adapters. */
  places: readonly string[];
  /** The URL of a fleet's manifest. */
  manifest: string | null;
  /** The URL or path of the router that the command line asks for. */
  router: string | null;
  /** Directories below which `file://` URLs may point. */
  fileRoots: readonly string[];
  allowedHosts: readonly string[];
  allowedNetworks: readonly string[];
  allowInsecureLoopback: boolean;
  maxDownloadBytes: number;
  downloadTimeoutMs: number;
  /** Of all downloads together, a second. */
  bytesPerSecond: number | null;
  hub: { endpoint: string; token?: string };
  /** A JSON file with buckets' endpoints and credentials. */
  objectStorage: string | null;
  /** Looks up a variable that holds a credential or endpoint. */
  env: (name: string) => string | undefined;
  /** Content on the disk was found corrupt and is gone. */
  onCorrupt(generation: string): void;
}

/** What a store needs of the network and of this machine's disk. */
export interface AdapterWorld extends AsyncDisposable {
  readonly origins: Origins;
  readonly catalogues: readonly AdapterCatalogue[];
  readonly manifest: WatchedObject | undefined;
  readonly disk: DiskCache;
  readonly registry: Registry;
  readonly router: KeptRouter;
}

/** Where the hub's files really are: it redirects to them. */
const HUB_CONTENT_HOSTS = ["*.hf.co", "*.huggingface.co"];

/**
 * Opens the state directory and the way to the origins.
 *
 * @throws {WeftError} naming what is no good: a flag's value, a damaged registry, a directory in use or read-only.
 */
export async function openAdapterWorld(options: AdapterWorldOptions): Promise<AdapterWorld> {
  await using stack = new AsyncDisposableStack();
  const { stateDir } = options;
  const { origins, close } = await openOrigins(options);
  stack.defer(close);
  const catalogues = options.places.map((place) => origins.catalogue(place));
  const manifest = options.manifest === null ? undefined : origins.object(options.manifest);

  stack.use(await StateLock.acquire(stateDir));
  const registry = stack.use(Registry.open(join(stateDir, "adapters.sqlite")));
  const spared = registry.rows().filter(({ pinned }) => pinned).map(({ generation }) => generation)
    .filter((generation) => generation !== null);
  const disk = await DiskCache.open({
    directory: join(stateDir, "adapters"),
    maxBytes: options.diskBytes,
    spared,
    onCorrupt: options.onCorrupt,
  });
  const opened = stack.move();
  return {
    origins,
    catalogues,
    manifest,
    disk,
    registry,
    router: new KeptRouter(join(stateDir, "router"), registry),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function openOrigins(
  options: AdapterWorldOptions,
): Promise<{ origins: Origins; close: () => void }> {
  const { hub, env, places, manifest, router } = options;
  const config = new ObjectStorageConfig({ env, file: await readStorageFile(options) });
  const objects = [manifest, router].filter((place) => place !== null);
  const named = [...places, ...objects];
  const client = createOriginClient({
    allowedHosts: [
      ...options.allowedHosts,
      ...config.hostsNamed(),
      ...named.flatMap((place) => hostsOf(place, { config, hub })),
    ],
    allowedNetworks: options.allowedNetworks,
    allowInsecureLoopback: options.allowInsecureLoopback,
  });
  const checkUrl = (url: URL) => client.checkUrl(url);
  const downloader = new Downloader({ client });
  const bandwidth = options.bytesPerSecond === null
    ? undefined
    : new Bandwidth(options.bytesPerSecond);
  const origins = createOrigins({
    client,
    bandwidth,
    limits: { maxBytes: options.maxDownloadBytes, totalMs: options.downloadTimeoutMs },
    fileRoots: options.fileRoots,
    trustedPaths: named.filter((place) => !place.includes("://")),
    hf: hub,
    openBucket: createBuckets({ config, downloader, checkUrl }),
    checkUrl,
  });
  return { origins, close: () => client.close() };
}

async function readStorageFile({ objectStorage: path }: AdapterWorldOptions) {
  if (path === null) return undefined;
  try {
    return { path, text: await readFile(path, "utf8") };
  } catch (cause) {
    throw new WeftError(
      "invalid_request",
      `Cannot read the object storage file "${path}": ${messageOf(cause)}`,
      { cause },
    );
  }
}

/** The `HOST:PORT`s that naming a place allows to ask. */
function hostsOf(
  text: string,
  { config, hub }: { config: ObjectStorageConfig; hub: { endpoint: string } },
): string[] {
  const place = parsePlace(text);
  if (place.kind === "local") return [];
  const { scheme, url } = place;
  if (scheme === "hf") return [hostAndPort(new URL(hub.endpoint)), ...HUB_CONTENT_HOSTS];
  if (scheme === "https") return [hostAndPort(url)];
  return hostsOfBucket(url, config);
}

function hostAndPort({ hostname, port }: URL): string {
  return `${hostname}:${port || "443"}`;
}

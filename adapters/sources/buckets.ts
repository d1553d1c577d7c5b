import type { Downloader } from "../download/mod.ts";
import { adapterError } from "../reasons.ts";
import { redact } from "./adapter_url.ts";
import { type AzureCredentials, AzureStore } from "./azure.ts";
import { hostOf, type ObjectStorageConfig, type S3Settings } from "./object_storage_config.ts";
import type { ObjectStore } from "./object_store.ts";
import { bucketUrl, S3Store } from "./s3.ts";
import { anonymous, bearer, type SignUrl, sigv4 } from "./sigv4.ts";

export interface BucketsOptions {
  config: ObjectStorageConfig;
  /** Reads the pages of listings. */
  downloader: Downloader;
  /** Throws for what the client would refuse anyway; see HostPolicy. */
  checkUrl?(url: URL): void;
}

/** A bucket's store, and the key that its URL names: without a slash in front. */
export interface OpenedBucket {
  store: ObjectStore;
  prefix: string;
}

/**
 * Opens what `s3://bucket/key`, `gs://bucket/key` and `az://container/key` name; undefined for other URLs. A query
 * of an `az://` URL is a shared access signature, and goes before configured credentials.
 *
 * @throws {WeftError} (the function) `bad_url`, what `checkUrl` throws, and `invalid_request` where the bucket's
 *   settings are no good.
 */
export function createBuckets(
  { config, downloader, checkUrl }: BucketsOptions,
): (url: URL) => OpenedBucket | undefined {
  function open(url: URL): ObjectStore | undefined {
    const place = parseBucketUrl(url);
    switch (place?.scheme) {
      case "s3":
      case "gs": {
        const { scheme, bucket } = place;
        const settings = config[scheme](bucket);
        checkUrl?.(bucketUrl({ bucket, ...settings }));
        return new S3Store({ ...settings, scheme, bucket, sign: signerOf(settings), downloader });
      }
      case "az": {
        const { bucket: container } = place;
        const settings = config.azure(container);
        checkUrl?.(settings.endpoint);
        const token = url.search.slice(1);
        const credentials: AzureCredentials = token === ""
          ? settings.credentials
          : { kind: "sas", token };
        return new AzureStore({ ...settings, container, credentials, downloader });
      }
    }
  }
  return (url) => {
    const store = open(url);
    return store && { store, prefix: decodeURIComponent(url.pathname.slice(1)) };
  };
}

/** The `HOST:PORT` that a bucket's URL leads to, as a list of none or one: what naming it allows to ask. */
export function hostsOfBucket(url: URL, config: ObjectStorageConfig): string[] {
  const place = parseBucketUrl(url);
  switch (place?.scheme) {
    case "s3":
    case "gs":
      return hostOf(bucketUrl({ bucket: place.bucket, ...config[place.scheme](place.bucket) }));
    case "az":
      return hostOf(config.azure(place.bucket).endpoint);
    default:
      return [];
  }
}

/** Buckets of S3, of those older than its rules and of Google; containers of Azure. */
const NAMES = {
  s3: /^(?!.*\.\.)[A-Za-z0-9][A-Za-z0-9._-]{1,220}[A-Za-z0-9]$/,
  gs: /^(?!.*\.\.)[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]$/,
  az: /^(?:\$root|\$web|(?!.*--)[a-z0-9][a-z0-9-]{1,61}[a-z0-9])$/,
};

function parseBucketUrl(url: URL): { scheme: keyof typeof NAMES; bucket: string } | undefined {
  const scheme = url.protocol.slice(0, -1) as keyof typeof NAMES;
  if (!Object.hasOwn(NAMES, scheme)) return undefined;
  if (!NAMES[scheme].test(url.host)) {
    throw adapterError("bad_url", `${redact(url)} does not name a bucket that can exist`);
  }
  if (url.search !== "" && scheme !== "az") {
    throw adapterError("bad_url", `${redact(url)} was given with a query; ${scheme}:// has none`);
  }
  return { scheme, bucket: url.host };
}

function signerOf({ credentials, region }: S3Settings): SignUrl {
  switch (credentials.kind) {
    case "key":
      return sigv4(credentials.key, { region });
    case "bearer":
      return bearer(credentials.token);
    case "anonymous":
      return anonymous;
  }
}

import type { Downloader } from "../download/mod.ts";
import type { OriginRequest } from "../http/mod.ts";
import { parseS3Page } from "./bucket_listing_xml.ts";
import { listPages } from "./list_pages.ts";
import { encodeKey, encodeQuery, refuseDots } from "./object_key.ts";
import type { ListedObject, ObjectStore } from "./object_store.ts";
import type { SignUrl } from "./sigv4.ts";

/** `path`: `https://endpoint/bucket/key`; `virtual`: `https://bucket.endpoint/key`. */
export type Addressing = "path" | "virtual";

export interface S3StoreOptions {
  /** How the bucket is shown to people. */
  scheme: "s3" | "gs";
  bucket: string;
  endpoint: URL;
  addressing: Addressing;
  sign: SignUrl;
  downloader: Downloader;
  /** Objects a page of the listing; the store's own limit unless given. */
  pageSize?: number;
}

/** A bucket behind S3's API: AWS's own, one that is compatible, or Google Cloud Storage's XML API. */
export class S3Store implements ObjectStore {
  readonly #options: S3StoreOptions;
  /** Without a slash at the end. */
  readonly #root: string;

  constructor(options: S3StoreOptions) {
    this.#options = options;
    this.#root = bucketUrl(options).href.replace(/\/$/, "");
  }

  locate(key: string): string {
    const { scheme, bucket } = this.#options;
    return `${scheme}://${bucket}/${encodeKey(key)}`;
  }

  async request(
    key: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Omit<OriginRequest, "signal">> {
    refuseDots(key, this.locate(key));
    return { ...await this.#ask(`/${encodeKey(key)}`), headers };
  }

  list(prefix: string, signal: AbortSignal): AsyncIterable<ListedObject> {
    const { downloader, pageSize } = this.#options;
    return listPages({
      location: this.locate(prefix),
      prefix,
      request: (next) =>
        this.#ask(encodeQuery({
          "list-type": "2",
          "encoding-type": "url",
          ...pageSize && { "max-keys": String(pageSize) },
          ...next !== null && { "continuation-token": next },
          prefix,
        })),
      parse: parseS3Page,
      downloader,
      signal,
    });
  }

  async #ask(rest: string): Promise<{ url: URL; credentials: Record<string, string> }> {
    const url = new URL(this.#root + rest);
    return { url, credentials: await this.#options.sign(url) };
  }
}

/** Where a bucket is. */
export function bucketUrl(
  { endpoint, bucket, addressing }: Pick<S3StoreOptions, "endpoint" | "bucket" | "addressing">,
): URL {
  const url = new URL(endpoint);
  if (addressing === "virtual") {
    url.hostname = `${bucket}.${endpoint.hostname}`;
  } else {
    url.pathname = `${endpoint.pathname.replace(/\/+$/, "")}/${encodeKey(bucket)}`;
  }
  return url;
}

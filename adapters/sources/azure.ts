import type { Downloader } from "../download/mod.ts";
import type { OriginRequest } from "../http/mod.ts";
import { sharedKey } from "./azure_shared_key.ts";
import { parseAzurePage } from "./bucket_listing_xml.ts";
import { listPages } from "./list_pages.ts";
import { encodeKey, encodePart, encodeQuery, refuseDots } from "./object_key.ts";
import type { ListedObject, ObjectStore } from "./object_store.ts";

/** The oldest that lists names which XML cannot hold; newer ones add nothing that is asked for. */
const VERSION = "2021-12-02";

export type AzureCredentials =
  /** `key` in Base64, as Azure shows it. */
  | { kind: "key"; account: string; key: string }
  /** A query string without its question mark. */
  | { kind: "sas"; token: string }
  | { kind: "anonymous" };

export interface AzureStoreOptions {
  container: string;
  /** Of the account: `https://account.blob.core.windows.net`, or `http://127.0.0.1:10000/account`. */
  endpoint: URL;
  credentials: AzureCredentials;
  downloader: Downloader;
  /** Objects a page of the listing; the store's own limit unless given. */
  pageSize?: number;
  now?: () => Date;
}

/** A container of Azure Blob Storage. */
export class AzureStore implements ObjectStore {
  readonly #options: AzureStoreOptions;
  /** Without a slash at the end. */
  readonly #root: string;

  constructor(options: AzureStoreOptions) {
    this.#options = options;
    const { endpoint, container } = options;
    this.#root = `${endpoint.href.replace(/\/+$/, "")}/${encodePart(container)}`;
  }

  locate(key: string): string {
    return `az://${this.#options.container}/${encodeKey(key)}`;
  }

  request(
    key: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Omit<OriginRequest, "signal">> {
    refuseDots(key, this.locate(key));
    return Promise.resolve(this.#ask(`/${encodeKey(key)}`, headers));
  }

  list(prefix: string, signal: AbortSignal): AsyncIterable<ListedObject> {
    const { downloader, pageSize } = this.#options;
    return listPages({
      location: this.locate(prefix),
      prefix,
      request: (next) => {
        const query = encodeQuery({
          restype: "container",
          comp: "list",
          ...pageSize && { maxresults: String(pageSize) },
          ...next !== null && { marker: next },
          prefix,
        });
        return Promise.resolve(this.#ask(query, {}));
      },
      parse: parseAzurePage,
      downloader,
      signal,
    });
  }

  #ask(rest: string, asked: Readonly<Record<string, string>>): Omit<OriginRequest, "signal"> {
    const { credentials, now = () => new Date() } = this.#options;
    const url = new URL(this.#root + rest);
    const headers = { ...asked, "x-ms-version": VERSION };
    switch (credentials.kind) {
      case "key": {
        const date = { "x-ms-date": now().toUTCString() };
        const signed = { url, headers: { ...headers, ...date } };
        const authorization = sharedKey(signed, credentials);
        return { url, headers, credentials: { ...date, authorization } };
      }
      case "sas":
        url.search = [url.search.slice(1), credentials.token].filter(Boolean).join("&");
        return { url, headers };
      case "anonymous":
        return { url, headers };
    }
  }
}

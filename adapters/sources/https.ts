import type { OriginRequest } from "../http/mod.ts";
import { redact } from "./adapter_url.ts";
import type { ObjectStore } from "./object_store.ts";

/**
 * What lies on a web server. A key is the path as it stands in the URL, encoded. The query of the URL given, such
 * as a signature, goes with each request and is never shown. Nothing can be listed.
 */
export class WebStore implements ObjectStore {
  readonly #url: URL;

  constructor(url: URL) {
    this.#url = url;
  }

  locate(key: string): string {
    return redact(this.#at(key));
  }

  request(
    key: string,
    headers: Readonly<Record<string, string>>,
  ): Promise<Omit<OriginRequest, "signal">> {
    return Promise.resolve({ url: this.#at(key), headers });
  }

  #at(key: string): URL {
    const url = new URL(this.#url);
    url.pathname = `/${key}`;
    return url;
  }
}

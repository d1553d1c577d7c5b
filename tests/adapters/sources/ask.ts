import { Downloader } from "../../../adapters/download/mod.ts";
import { createOriginClient } from "../../../adapters/http/mod.ts";
import type { ListedObject, ObjectStore } from "../../../adapters/sources/object_store.ts";

/** Keys that encodings get wrong. */
export const ODD_KEYS: readonly string[] = [
  "odd/a b",
  "odd/a+b",
  "odd/100%",
  "odd/%41%2F%2B",
  "odd/a?b=c&d#e",
  "odd/(!*'~)",
  'odd/[x]{y}^|`"<>\\',
  "odd/żółć/日本語/🎛",
  "odd/.hidden/..dots...",
  "odd/a&amp;b",
];

/** The guarded client and what reads listings, as the server puts them together. */
export class Asker implements Disposable {
  readonly client = createOriginClient({ allowInsecureLoopback: true });
  readonly downloader = new Downloader({ client: this.client });
  readonly signal = AbortSignal.timeout(30_000);

  async get(
    store: ObjectStore,
    key: string,
    headers: Record<string, string> = {},
  ): Promise<{ status: number; headers: Headers; text: string }> {
    const request = { ...await store.request(key, headers), signal: this.signal };
    const response = await this.client.request(request);
    const { status } = response;
    return { status, headers: response.headers, text: await new Response(response.body).text() };
  }

  async list(store: ObjectStore, prefix: string): Promise<ListedObject[]> {
    return await Array.fromAsync(store.list!(prefix, this.signal));
  }

  [Symbol.dispose](): void {
    this.client.close();
  }
}

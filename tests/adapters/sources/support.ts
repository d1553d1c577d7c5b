import { Fetcher, type FetchLimits } from "../../../adapters/sources/fetcher.ts";
import type { ListedObject, ObjectStore } from "../../../adapters/sources/object_store.ts";
import { RemoteSource } from "../../../adapters/sources/remote_source.ts";
import { formOf } from "../../../adapters/sources/adapter_url.ts";
import type { GuardedClient } from "../../../adapters/http/mod.ts";
import type { AdapterSource } from "../../../adapters/origin.ts";
import type { FaultServer } from "../fault_server.ts";
import { object } from "../faults.ts";
import { QUICK_RETRY, withTempDir } from "../download/support.ts";

export const SIGNAL = new AbortController().signal;
export const LIMITS: FetchLimits = { maxBytes: 1 << 20, totalMs: 20_000 };

export function quickFetcher(client: GuardedClient, limits: Partial<FetchLimits> = {}): Fetcher {
  return new Fetcher({ client, limits: { ...LIMITS, ...limits }, retry: QUICK_RETRY });
}

/** A bucket whose objects a server on this machine sends; a change of either is seen by both ways of asking. */
export class TestBucket implements ObjectStore {
  readonly #objects = new Map<string, ListedObject>();
  readonly #server: FaultServer;
  #puts = 0;

  constructor(server: FaultServer) {
    this.#server = server;
  }

  put(key: string, content: string | Uint8Array): void {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const etag = `"${++this.#puts}"`;
    this.#objects.set(key, { key, size: bytes.byteLength, etag });
    this.#server.paths.set(this.#url(key).pathname, object(bytes, { etag }));
  }

  delete(key: string): void {
    this.#objects.delete(key);
    this.#server.paths.delete(this.#url(key).pathname);
  }

  locate(key: string): string {
    return `s3://bucket/${key}`;
  }

  request(key: string, headers: Readonly<Record<string, string>>) {
    return Promise.resolve({ url: this.#url(key), headers });
  }

  async *list(prefix: string): AsyncIterable<ListedObject> {
    for (const object of this.#objects.values()) {
      await Promise.resolve();
      if (object.key.startsWith(prefix)) yield object;
    }
  }

  #url(key: string): URL {
    return this.#server.url(`/${key.split("/").map(encodeURIComponent).join("/")}`);
  }
}

export function bucketSource(
  bucket: ObjectStore,
  { key, fetcher }: { key: string; fetcher: Fetcher },
): RemoteSource {
  const location = bucket.locate(key);
  return new RemoteSource({ store: bucket, key, form: formOf(key), location, fetcher });
}

export interface ReadResult {
  version: string;
  config: string;
  weights: string;
}

/** Reads into a fresh staging directory, and tells what it left there. */
export async function readText(
  source: AdapterSource,
  options: { unless?: string; signal?: AbortSignal } = {},
): Promise<ReadResult & { staged: string[] } | null> {
  let result: ReadResult & { staged: string[] } | null = null;
  await withTempDir(async (staging) => {
    const content = await source.read({ signal: SIGNAL, ...options, staging });
    const staged = [...Deno.readDirSync(staging)].map(({ name }) => name).sort();
    if (content === null) {
      if (staged.length > 0) throw new Error(`left ${staged} in staging`);
      return;
    }
    const { version, files } = content;
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    result = { version, config: text(files.config), weights: text(files.weights), staged };
  });
  return result;
}

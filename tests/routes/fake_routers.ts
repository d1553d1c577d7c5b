import { adapterError, type WatchedObject } from "../../adapters/mod.ts";
import type { KeptRouter, RouterOrder } from "../../adapters/router/mod.ts";

/** Routers' files by URL, and a memory of the one that is kept. */
export class FakeRouters {
  readonly files = new Map<string, Uint8Array<ArrayBuffer>>();
  /** What a fetch waits for. */
  gate: Promise<void> = Promise.resolve();
  latest: RouterOrder | null = null;
  readonly #kept = new Map<string, Uint8Array<ArrayBuffer>>();

  readonly kept: Pick<KeptRouter, "order" | "note" | "keep" | "read" | "removeOthers"> = {
    order: () => this.latest,
    note: (order) => this.latest = order,
    keep: (file, generation) => {
      this.#kept.set(generation, file.slice() as Uint8Array<ArrayBuffer>);
      return Promise.resolve();
    },
    read: (generation) => Promise.resolve(this.#kept.get(generation)!.slice()),
    removeOthers: () => Promise.resolve(),
  };

  object(url: string): WatchedObject {
    if (url.startsWith("ftp:")) {
      throw adapterError("scheme_not_allowed", "Cannot use the scheme ftp");
    }
    const location = url.split(/[?#]/)[0].replace(/\/\/.*@/, "//");
    return {
      location,
      read: async ({ signal }) => {
        await Promise.race([
          this.gate,
          new Promise((_, reject) =>
            signal.addEventListener("abort", () => reject(signal.reason), { once: true })
          ),
        ]);
        signal.throwIfAborted();
        const bytes = this.files.get(url)?.slice();
        if (bytes === undefined) throw adapterError("origin_not_found", "there is nothing");
        return { version: "1", bytes };
      },
    };
  }
}

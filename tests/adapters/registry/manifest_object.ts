import type { WatchedObject } from "../../../adapters/origin.ts";

/** A manifest in memory, read like an object in storage, with an ETag and conditional GETs. */
export class ManifestObject implements WatchedObject {
  readonly location = "memory:manifest.json";
  #etag = 0;
  #bytes: Uint8Array<ArrayBuffer> | null = null;
  /** Bodies sent, and answers that there is nothing new. */
  readonly sent = { bodies: 0, unchanged: 0 };

  write(content: unknown): void {
    const text = typeof content === "string" ? content : JSON.stringify(content);
    this.#bytes = new TextEncoder().encode(text);
    this.#etag++;
  }

  read({ unless, signal }: { unless?: string; signal: AbortSignal }) {
    signal.throwIfAborted();
    if (this.#bytes === null) return Promise.reject(new Error("there is no manifest"));
    const version = `"${this.#etag}"`;
    if (version === unless) {
      this.sent.unchanged++;
      return Promise.resolve(null);
    }
    this.sent.bodies++;
    return Promise.resolve({ version, bytes: this.#bytes });
  }
}

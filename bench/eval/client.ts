import { messageOf, WeftError } from "../../engine/core/errors.ts";

// deno-lint-ignore no-explicit-any -- answers have many shapes, and each reader checks its own
export type Json = any;

/** A server that is full asks for patience; longer than this is a fault. */
const PATIENCE_MS = 120_000;

/** Speaks JSON with a server. */
export class Client {
  readonly url: string;
  readonly #patienceMs: number;

  /** @param options.patienceMs How long 503 is taken for an answer. */
  constructor(url: string, { patienceMs = PATIENCE_MS }: { patienceMs?: number } = {}) {
    this.url = url.replace(/\/$/, "");
    this.#patienceMs = patienceMs;
  }

  get(path: string): Promise<Json> {
    return this.#send(path, {});
  }

  /** Tries again after 503 only, when the server says or a second later. */
  post(path: string, body: Json, signal?: AbortSignal): Promise<Json> {
    return this.#send(path, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      signal,
    });
  }

  async #send(path: string, init: RequestInit): Promise<Json> {
    const what = `${init.method ?? "GET"} ${path}`;
    const deadline = performance.now() + this.#patienceMs;
    for (;;) {
      const response = await fetch(this.url + path, init);
      const text = await response.text();
      if (response.ok) return parse(text, what);
      const waitMs = 1000 * Number(response.headers.get("retry-after") ?? 1);
      if (response.status !== 503 || performance.now() + waitMs > deadline) {
        throw new WeftError("internal", `${what} at ${this.url}: ${response.status} ${text}`);
      }
      await new Promise((resolve) => setTimeout(resolve, waitMs));
    }
  }
}

function parse(text: string, what: string): Json {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new WeftError("internal", `${what} was answered with no JSON: ${messageOf(cause)}`, {
      cause,
    });
  }
}

/** `/v1/adapters` as an admin's client uses it. */
import assert from "node:assert/strict";
import { digestsOf } from "../../adapters/peft/mod.ts";
import type { Content } from "./adapter_origin.ts";
import { type Json, pause, type TestServer } from "./server_process.ts";

const WAIT_MS = 20_000;

/** An answer, read whole. */
export interface Answer {
  status: number;
  headers: Headers;
  /** Parsed where it is JSON, else the text. */
  body: Json;
}

export class AdaptersApi {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;
  /** All that was ever answered, heads included. */
  seen = "";

  /** @param headers Sent with each request. */
  constructor({ url }: Pick<TestServer, "url">, headers: Readonly<Record<string, string>> = {}) {
    this.#url = url;
    this.#headers = headers;
  }

  async send(method: string, path: string, body?: unknown): Promise<Answer> {
    const response = await fetch(this.#url + path, {
      method,
      headers: {
        ...body === undefined ? {} : { "content-type": "application/json" },
        ...this.#headers,
      },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    this.seen += `${[...response.headers].join("\n")}\n${text}\n`;
    const isJson = response.headers.get("content-type")?.includes("json");
    const { status, headers } = response;
    return { status, headers, body: isJson ? JSON.parse(text) : text };
  }

  put(name: string, body: Record<string, unknown>): Promise<Answer> {
    return this.send("PUT", `/v1/adapters/${name}`, body);
  }

  show(name: string): Promise<Answer> {
    return this.send("GET", `/v1/adapters/${name}`);
  }

  remove(name: string): Promise<Answer> {
    return this.send("DELETE", `/v1/adapters/${name}`);
  }

  act(name: string, action: "pin" | "unpin" | "refresh"): Promise<Answer> {
    return this.send("POST", `/v1/adapters/${name}/${action}`);
  }

  refreshAll(): Promise<Answer> {
    return this.send("POST", "/v1/adapters/refresh");
  }

  /** The names of all adapters, or of those that a query asks for. */
  async names(query = ""): Promise<string[]> {
    const { status, body } = await this.send("GET", `/v1/adapters${query}`);
    assert.equal(status, 200, JSON.stringify(body));
    return body.data.map(({ name }: Json) => name);
  }

  async level(name: string): Promise<string> {
    return (await this.show(name)).body.level;
  }

  /** Asks for an adapter until `done` holds of it. */
  async until(name: string, done: (adapter: Json) => boolean): Promise<Json> {
    return (await this.answering(() => this.show(name), ({ body }) => done(body))).body;
  }

  /** Asks until `done` holds of the answer. */
  async answering(ask: () => Promise<Answer>, done: (answer: Answer) => boolean): Promise<Answer> {
    const deadline = performance.now() + WAIT_MS;
    for (;;) {
      const answer = await ask();
      if (done(answer)) return answer;
      assert.ok(performance.now() < deadline, `it never came to it: ${JSON.stringify(answer)}`);
      await pause(20);
    }
  }
}

/** What an adapter of this content shows, wherever it is. */
export async function identityOf(
  content: Content,
): Promise<{ generation: string; sha256: string }> {
  return await digestsOf(content);
}

/** The refusal's status and code. */
export function refusal({ status, body }: Answer): [status: number, code: string] {
  return [status, body.error?.code];
}

/** The value of one series of /metrics, labels included, such as `weft_adapters{level="gpu"}`. */
export async function series({ url }: Pick<TestServer, "url">, name: string): Promise<number> {
  const page = await (await fetch(`${url}/metrics`)).text();
  const line = page.split("\n").find((line) => line.startsWith(`${name} `));
  return line === undefined ? NaN : Number(line.slice(name.length));
}

/** Waits until a series has a value: what the engine's thread does shows a moment later. */
export async function comesTo(
  server: Pick<TestServer, "url">,
  name: string,
  value: number,
): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  for (;;) {
    const now = await series(server, name);
    if (now === value) return;
    assert.ok(performance.now() < deadline, `${name} is ${now}, and never was ${value}`);
    await pause(20);
  }
}

/** What an answer says beyond OpenAI's fields. */
export function weftOf(answer: unknown): Json {
  return (answer as Json).weft;
}

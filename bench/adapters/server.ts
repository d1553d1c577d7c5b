import { type Json, startServer, type TestServer } from "../../tests/e2e/server_process.ts";
import { StateDir } from "./state_dir.ts";

const PROMPT_TOKENS = 64;

/** A server process, started as `deno task start` starts it. */
export class BenchServer implements AsyncDisposable {
  readonly #server: TestServer;
  readonly #state: StateDir | null;
  #lastPrompt = 0;

  private constructor(server: TestServer, state: StateDir | null) {
    this.#server = server;
    this.#state = state;
  }

  /** @param stateDir One that is there already, and stays. */
  static async start(flags: readonly string[], stateDir?: string): Promise<BenchServer> {
    const state = stateDir === undefined ? new StateDir() : null;
    const server = await startServer({ flags, stateDir: stateDir ?? state!.path });
    return new BenchServer(server, state);
  }

  /** Asks for JSON. @throws {Error} when the answer is an error. */
  async call(method: "GET" | "PUT" | "POST", path: string, body?: Json): Promise<Json> {
    const response = await fetch(this.#server.url + path, {
      method,
      ...(body === undefined
        ? {}
        : { headers: { "content-type": "application/json" }, body: JSON.stringify(body) }),
    });
    const text = await response.text();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
    return JSON.parse(text);
  }

  put(name: string, url: string): Promise<Json> {
    return this.call("PUT", `/v1/adapters/${name}`, { url });
  }

  /** A completion's events as they come, for a prompt of 64 tokens that no other has. */
  async *stream(fields: Json): AsyncIterable<Json> {
    const response = await this.#server.post("/v1/completions", {
      model: this.#server.base,
      prompt: this.#nextPrompt(),
      stream: true,
      temperature: 0,
      ignore_eos: true,
      ...fields,
    });
    if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
    let rest = "";
    for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
      const events = (rest + text).split("\n\n");
      rest = events.pop()!;
      for (const event of events) {
        if (event === "data: [DONE]") return;
        const data = JSON.parse(event.slice("data: ".length));
        if (data.error) throw new Error(JSON.stringify(data.error));
        yield data;
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.process.kill("SIGTERM");
    await this.#server.process.exit();
    this.#state?.[Symbol.dispose]();
  }

  #nextPrompt(): number[] {
    const salt = ++this.#lastPrompt * 1009;
    return Array.from({ length: PROMPT_TOKENS }, (_, i) => 16 + (i * 37 + salt) % 1900);
  }
}

/** Those who use the server meanwhile: their answers must stay what they were. */
import assert from "node:assert/strict";
import { stream } from "../requests.ts";
import type { TestServer } from "../server_process.ts";

const STREAMS = 2;
const TOKENS = 24;

export class Bystanders {
  readonly #server: TestServer;
  readonly #expected = new Map<string, string>();
  readonly #streams: Promise<number>[] = [];
  #isStopped = false;

  private constructor(server: TestServer) {
    this.#server = server;
  }

  /** Asks each model once, then again and again until stopped. */
  static async start(server: TestServer, models: readonly string[]): Promise<Bystanders> {
    const bystanders = new Bystanders(server);
    for (const model of models) bystanders.#expected.set(model, await bystanders.#ask(model));
    for (let i = 0; i < STREAMS; i++) {
      const stream = bystanders.#repeat(models);
      stream.catch(() => {}); // Told by `stop`.
      bystanders.#streams.push(stream);
    }
    return bystanders;
  }

  /** How many answers there were. @throws {AssertionError} when one failed or was another. */
  async stop(): Promise<number> {
    this.#isStopped = true;
    const counts = await Promise.all(this.#streams);
    return counts.reduce((sum, count) => sum + count, 0);
  }

  async #repeat(models: readonly string[]): Promise<number> {
    let count = 0;
    for (; !this.#isStopped; count++) {
      const model = models[count % models.length];
      assert.equal(await this.#ask(model), this.#expected.get(model), model);
    }
    return count;
  }

  async #ask(model: string): Promise<string> {
    return (await stream(this.#server, { model, max_tokens: TOKENS })).text;
  }
}

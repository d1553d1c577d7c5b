/** A server that answers as Weft would, from the sample files, without a model. */
import { readFileSync } from "node:fs";
import type { Json } from "../../../bench/eval/client.ts";
import { SAMPLES_FOLDER } from "../../../bench/eval/evaluate.ts";
import { COMPOSITE_FILES, taskNames } from "../../../bench/eval/samples.ts";

interface Known {
  file: string;
  answer: string;
  tasks?: string[];
}

export class StubServer implements AsyncDisposable {
  readonly url: string;
  readonly #server: Deno.HttpServer<Deno.NetAddr>;
  readonly #known: Map<string, Known>;
  /** Bodies of completions, routes and router orders, in the order in which they came. */
  readonly completions: Json[] = [];
  readonly routes: Json[] = [];
  readonly routers: Json[] = [];
  /** An answer instead of the usual one. */
  intercept: (path: string, count: number) => Response | null = () => null;

  private constructor(known: Map<string, Known>) {
    this.#known = known;
    this.#server = Deno.serve(
      { hostname: "127.0.0.1", port: 0, onListen() {} },
      (request) => this.#answer(request),
    );
    this.url = `http://127.0.0.1:${this.#server.addr.port}`;
  }

  static async start(): Promise<StubServer> {
    const known = new Map<string, Known>();
    for (const file of [...await taskNames(SAMPLES_FOLDER), ...COMPOSITE_FILES]) {
      const text = readFileSync(`${SAMPLES_FOLDER}/${file}.jsonl`, "utf8");
      for (const line of text.trim().split("\n")) {
        const { messages, answer, tasks } = JSON.parse(line);
        known.set(messages[0].content, { file, answer, tasks });
      }
    }
    return new StubServer(known);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.shutdown();
  }

  async #answer(request: Request): Promise<Response> {
    const path = new URL(request.url).pathname;
    if (path === "/v1/models") return Response.json({ data: [{ id: "stub" }] });
    if (path === "/health") return Response.json({ device: { description: "no device" } });
    const body = await request.json();
    const intercepted = this.intercept(path, this.completions.length);
    if (intercepted !== null) return intercepted;
    if (path === "/v1/router") {
      this.routers.push(body);
      return Response.json({ generation: "0" });
    }
    if (path === "/v1/route") {
      this.routes.push(body);
      return Response.json({ whole: this.#route(this.#known.get(body.input)!) });
    }
    this.completions.push(body);
    return Response.json(this.#complete(body));
  }

  /** The base says what isn't asked for; every adapter and the router know the answer. The router misses plurals. */
  #complete({ model, messages, lora }: Json): Json {
    const known = this.#known.get(messages.at(-1).content)!;
    const isRight = model !== "stub" || lora !== undefined;
    const sentences = (known.tasks ?? [known.file]).map((task) => ({
      index: 0,
      start: 0,
      adapters: [{ id: routed(task), generation: "0", weight: 0.75 }, {
        id: "joint",
        weight: 0.25,
      }],
      confidence: 0.8,
      entropy: 0.5,
      abstained: false,
      kept: false,
      missed: [],
    }));
    return {
      choices: [{
        message: { content: isRight ? ` ${known.answer}` : "I would rather not." },
        finish_reason: "stop",
      }],
      usage: { prompt_tokens: 30, completion_tokens: 4 },
      weft: {
        timings: { prefill_ms: 3, decode_ms: 5, ...(model === "auto" ? { route_ms: 2 } : {}) },
        ...(model === "auto" ? { sentences } : {}),
      },
    };
  }

  #route({ file }: Known): Json {
    return { probabilities: { [routed(file)]: 0.9, navigation: 0.1 }, abstained: false };
  }
}

function routed(task: string): string {
  return task === "plurals" ? "antonyms" : task;
}

import type { ShownToken } from "./generation/choice.ts";
import { chatLogprobs } from "./generation/logprobs.ts";
import type { RunEvent, RunSummary } from "./generation/run.ts";
import {
  chunkExtension,
  type ResponseShape,
  usageOf,
  weftExtension,
  type WholeChoice,
} from "./generation/shape.ts";
import type { AppDeps } from "./ports.ts";
import type { ChatBody } from "./schema/chat.ts";

export interface ChatShapeOptions {
  id: string;
  body: ChatBody;
  ignored: readonly string[];
  deps: AppDeps;
}

/** Answers as `chat.completion` and `chat.completion.chunk`. */
export class ChatShape implements ResponseShape {
  readonly #options: ChatShapeOptions;
  readonly #head: { id: string; created: number; model: string };
  readonly #includeUsage: boolean;

  constructor(options: ChatShapeOptions) {
    const { id, body, deps } = options;
    this.#options = options;
    this.#head = { id, created: deps.clock.epochSeconds(), model: body.model };
    this.#includeUsage = body.stream_options?.include_usage ?? false;
  }

  chunks(event: RunEvent): object[] {
    const { index } = event;
    if (event.kind === "started") {
      return [this.#chunk(index, { delta: { role: "assistant", content: "" } })];
    }
    if (event.kind === "text") {
      const { text, tokens } = event;
      const chunk = this.#chunk(index, { delta: { content: text }, tokens });
      return [{ ...chunk, ...chunkExtension(event) }];
    }
    const { reason, summary } = event;
    const last = this.#chunk(index, { delta: {}, reason });
    if (summary === null) return [last];
    const weft = this.#weft(summary);
    if (!this.#includeUsage) return [{ ...last, weft }];
    return [last, { ...this.#chunkHead(), choices: [], usage: usageOf(summary), weft }];
  }

  whole(choices: readonly WholeChoice[], summary: RunSummary): object {
    return {
      ...this.#head,
      object: "chat.completion",
      choices: choices.map(({ index, text, tokens, reason }) => ({
        index,
        message: { role: "assistant", content: text, refusal: null },
        logprobs: this.#logprobs(tokens),
        finish_reason: reason,
      })),
      usage: usageOf(summary),
      weft: this.#weft(summary),
    };
  }

  #chunk(
    index: number,
    { delta, reason = null, tokens }: {
      delta: object;
      reason?: string | null;
      tokens?: ShownToken[];
    },
  ): object {
    return {
      ...this.#chunkHead(),
      choices: [{
        index,
        delta,
        logprobs: tokens === undefined ? null : this.#logprobs(tokens),
        finish_reason: reason,
      }],
      ...(this.#includeUsage ? { usage: null } : {}),
    };
  }

  #chunkHead(): object {
    return { ...this.#head, object: "chat.completion.chunk" };
  }

  #logprobs(tokens: readonly ShownToken[]): object | null {
    const { body, deps } = this.#options;
    return body.logprobs === true ? chatLogprobs(tokens, deps.tokenizer) : null;
  }

  #weft(summary: RunSummary): object {
    return weftExtension(summary, this.#options.ignored);
  }
}

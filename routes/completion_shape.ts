import type { ShownToken } from "./generation/choice.ts";
import { completionLogprobs } from "./generation/logprobs.ts";
import type { RunEvent, RunSummary } from "./generation/run.ts";
import {
  chunkExtension,
  type ResponseShape,
  type Usage,
  usageOf,
  weftExtension,
  type WholeChoice,
} from "./generation/shape.ts";
import type { AppDeps } from "./ports.ts";
import type { CompletionBody } from "./schema/completions.ts";

export interface CompletionShapeOptions {
  id: string;
  body: CompletionBody;
  ignored: readonly string[];
  deps: AppDeps;
  /** Per prompt, its text to repeat before each answer; null to leave it out. */
  echo: readonly string[] | null;
}

/** Answers as `text_completion`, streamed or whole. */
export class CompletionShape implements ResponseShape {
  readonly #options: CompletionShapeOptions;
  readonly #head: { id: string; object: "text_completion"; created: number; model: string };
  readonly #includeUsage: boolean;

  constructor(options: CompletionShapeOptions) {
    const { id, body, deps } = options;
    this.#options = options;
    this.#head = {
      id,
      object: "text_completion",
      created: deps.clock.epochSeconds(),
      model: body.model,
    };
    this.#includeUsage = body.stream_options?.include_usage ?? false;
  }

  chunks(event: RunEvent): object[] {
    const { index } = event;
    if (event.kind === "started") {
      const echo = this.#echo(index);
      return echo === "" ? [] : [this.#chunk({ index, text: echo })];
    }
    if (event.kind === "text") {
      const chunk = this.#chunk({ index, text: event.text, tokens: event.tokens });
      return [{ ...chunk, ...chunkExtension(event) }];
    }
    const { reason, summary } = event;
    const last = this.#chunk({ index, text: "", reason });
    if (summary === null) return [last];
    const weft = this.#weft(summary);
    if (!this.#includeUsage) return [{ ...last, weft }];
    return [last, { ...this.#head, choices: [], usage: usageOf(summary), weft }];
  }

  whole(choices: readonly WholeChoice[], summary: RunSummary): object {
    const usage: Usage = usageOf(summary);
    return {
      ...this.#head,
      choices: choices.map(({ index, text, tokens, reason }) =>
        this.#choice({ index, text: this.#echo(index) + text, tokens, reason })
      ),
      usage,
      weft: this.#weft(summary),
    };
  }

  #chunk(parts: ChoiceParts): object {
    return {
      ...this.#head,
      choices: [this.#choice(parts)],
      ...(this.#includeUsage ? { usage: null } : {}),
    };
  }

  #choice({ index, text, tokens, reason = null }: ChoiceParts): object {
    const { body, deps: { tokenizer } } = this.#options;
    const wanted = typeof body.logprobs === "number" && tokens !== undefined;
    return {
      index,
      text,
      logprobs: wanted
        ? completionLogprobs(tokens, { tokenizer, offset: this.#echo(index).length })
        : null,
      finish_reason: reason,
    };
  }

  #echo(index: number): string {
    const { echo, body } = this.#options;
    return echo === null ? "" : echo[Math.floor(index / (body.n ?? 1))];
  }

  #weft(summary: RunSummary): object {
    return weftExtension(summary, this.#options.ignored);
  }
}

interface ChoiceParts {
  index: number;
  text: string;
  tokens?: readonly ShownToken[];
  reason?: "stop" | "length" | null;
}

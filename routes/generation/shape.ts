import type { ShownToken, TextEvent } from "./choice.ts";
import { slowestLevel } from "./mixture.ts";
import type { RunEvent, RunSummary } from "./run.ts";
import { showSentence } from "./sentences.ts";

/** A finished choice, collected. */
export interface WholeChoice {
  index: number;
  text: string;
  tokens: ShownToken[];
  reason: "stop" | "length";
}

/** How an endpoint words its answers. */
export interface ResponseShape {
  /** The chunks of a stream that an event becomes. */
  chunks(event: RunEvent): object[];
  /** The answer to a request without streaming; choices in order of index. */
  whole(choices: readonly WholeChoice[], summary: RunSummary): object;
}

/** OpenAI's account of the tokens. */
export interface Usage {
  prompt_tokens: number;
  completion_tokens: number;
  total_tokens: number;
  prompt_tokens_details: { cached_tokens: number };
}

export function usageOf(summary: RunSummary): Usage {
  return {
    prompt_tokens: summary.promptTokens,
    completion_tokens: summary.completionTokens,
    total_tokens: summary.promptTokens + summary.completionTokens,
    prompt_tokens_details: { cached_tokens: summary.cachedTokens },
  };
}

/** Weft's own part of an answer: which adapters made it, or each of its sentences, and how long each stage took. */
export function weftExtension(summary: RunSummary, ignoredFields: readonly string[]): object {
  const cache = slowestLevel(summary.adapters);
  return {
    ...(summary.sentences === null
      ? { adapters: summary.adapters }
      : { sentences: summary.sentences }),
    timings: summary.timings,
    ...(cache === undefined ? {} : { cache }),
    ...(ignoredFields.length > 0 ? { ignored_fields: ignoredFields } : {}),
  };
}

/** Weft's part of a chunk: the sentences that begin with it. */
export function chunkExtension({ index, sentences }: TextEvent): object {
  if (sentences.length === 0) return {};
  return { weft: { sentences: sentences.map((sentence) => showSentence(index, sentence)) } };
}

/** A choice's text and tokens as they grow into a whole answer. */
export async function collect(
  events: AsyncIterable<RunEvent>,
): Promise<{ choices: WholeChoice[]; summary: RunSummary }> {
  const choices: WholeChoice[] = [];
  let last: RunSummary | null = null;
  for await (const event of events) {
    const choice = choices[event.index] ??= {
      index: event.index,
      text: "",
      tokens: [],
      reason: "length",
    };
    if (event.kind === "text") {
      choice.text += event.text;
      for (const token of event.tokens) choice.tokens.push(token);
    } else if (event.kind === "finished") {
      choice.reason = event.reason;
      last = event.summary;
    }
  }
  if (last === null) throw new Error("A run ended without its summary");
  return { choices, summary: last };
}

import type { Client, Json } from "./client.ts";
import type { RequestFields } from "./methods.ts";
import type { Message } from "./samples.ts";

/** More than any right answer has; tools/demo/scores.py allows as many. */
const MAX_TOKENS = 48;

/** A sentence of an answer, as far as it is evaluated. */
export interface AnswerSentence {
  /** [name, weight], heaviest first. */
  adapters: [string, number][];
  confidence: number;
  /** In nats. */
  entropy: number;
  abstained: boolean;
  kept: boolean;
  missed: string[];
}

/** What a server answered. */
export interface Answer {
  reply: string;
  finish: string;
  promptTokens: number;
  answerTokens: number;
  /** From the request to the whole answer, milliseconds. */
  ms: number;
  /** The server's own: `queue_ms`, `route_ms`, `prefill_ms`, `decode_ms`, … */
  timings: Record<string, number>;
  /** Empty unless the router decided. */
  sentences: AnswerSentence[];
}

/** Asks for a greedy answer. @throws {WeftError} as `Client.post`. */
export async function ask(
  client: Client,
  { messages, fields, forceTokens, signal }: {
    messages: readonly Message[];
    fields: RequestFields;
    /** Exactly so many tokens, whatever they are. */
    forceTokens?: number;
    signal?: AbortSignal;
  },
): Promise<Answer> {
  const start = performance.now();
  const body = await client.post("/v1/chat/completions", {
    ...fields,
    messages,
    temperature: 0,
    max_tokens: forceTokens ?? MAX_TOKENS,
    ...(forceTokens === undefined ? {} : { ignore_eos: true }),
  }, signal);
  const ms = performance.now() - start;
  const [choice] = body.choices;
  return {
    reply: choice.message.content,
    finish: choice.finish_reason,
    promptTokens: body.usage.prompt_tokens,
    answerTokens: body.usage.completion_tokens,
    ms: round(ms, 1),
    timings: body.weft?.timings ?? {},
    sentences: (body.weft?.sentences ?? []).map(readSentence),
  };
}

function readSentence(sentence: Json): AnswerSentence {
  return {
    adapters: sentence.adapters.map(({ id, weight }: Json) => [id, round(weight, 4)]),
    confidence: round(sentence.confidence, 4),
    entropy: round(sentence.entropy, 4),
    abstained: sentence.abstained,
    kept: sentence.kept,
    missed: sentence.missed,
  };
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}

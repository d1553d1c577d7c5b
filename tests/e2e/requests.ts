import type OpenAI from "openai";
import type { Json, TestServer } from "./server_process.ts";

/** A chat request's fields, those of this server included. */
export type ChatFields =
  & Partial<OpenAI.ChatCompletionCreateParamsNonStreaming>
  & {
    lora?: ({ id: string; scale?: number } | { url: string; scale?: number })[];
    logit_bias?: Record<string, number>;
  };

/** What a stream amounted to. */
export interface Streamed {
  text: string;
  reason: string | null;
  usage: OpenAI.CompletionUsage | null;
  /** Log-probabilities of the tokens, where they were asked for. */
  logprobs: number[];
  chunks: Json[];
  /** When each chunk with text came, in milliseconds. */
  times: number[];
}

/** Greedy, from the base, unless the fields say otherwise. */
export function chatBody(
  { base }: Pick<TestServer, "base">,
  fields: ChatFields = {},
): OpenAI.ChatCompletionCreateParamsNonStreaming {
  return {
    model: base,
    messages: [{ role: "user", content: "Sort these words: pear fig apple" }],
    temperature: 0,
    max_tokens: 24,
    ...fields,
  };
}

export function ask(server: TestServer, fields: ChatFields = {}, signal?: AbortSignal) {
  return server.client.chat.completions.create(chatBody(server, fields), { signal });
}

/** Streams an answer to its end; `onText` is called after each chunk with text. */
export async function stream(
  server: TestServer,
  fields: ChatFields = {},
  { signal, onText }: { signal?: AbortSignal; onText?: (text: string) => void } = {},
): Promise<Streamed> {
  const events = await server.client.chat.completions.create({
    ...chatBody(server, fields),
    stream: true,
    stream_options: { include_usage: true },
  }, { signal });
  const result: Streamed = {
    text: "",
    reason: null,
    usage: null,
    logprobs: [],
    chunks: [],
    times: [],
  };
  for await (const chunk of events) {
    result.chunks.push(chunk);
    result.usage = chunk.usage ?? result.usage;
    const choice = chunk.choices[0];
    if (choice === undefined) continue;
    result.reason = choice.finish_reason ?? result.reason;
    for (const { logprob } of choice.logprobs?.content ?? []) result.logprobs.push(logprob);
    if (!choice.delta.content) continue;
    result.text += choice.delta.content;
    result.times.push(performance.now());
    onText?.(result.text);
  }
  return result;
}

/** How many tokens take about that long here, alone in the batch: devices differ a hundredfold. */
export async function tokensLasting(server: TestServer, ms: number): Promise<number> {
  const { times } = await stream(server, { max_tokens: 33, logit_bias: await neverEnding() });
  const perToken = (times.at(-1)! - times[0]) / 32;
  return Math.min(1800, Math.max(32, Math.round(ms / perToken)));
}

/** A bias that keeps the model from ending its answer, so that it runs to its limit. */
export async function neverEnding(): Promise<Record<string, number>> {
  const { added_tokens } = JSON.parse(await Deno.readTextFile("models/demo/tokenizer.json"));
  return Object.fromEntries(
    (added_tokens as { id: number; special: boolean }[])
      .filter(({ special }) => special).map(({ id }) => [String(id), -100]),
  );
}

import { type Answer, ask } from "../ask.ts";
import type { Client } from "../client.ts";
import { inFlight } from "../in_flight.ts";
import type { Sample } from "../samples.ts";
import type { Turn } from "./turns.ts";

/** Tokens of an answer to three tasks: about as many as the right ones have. */
const ANSWER_TOKENS = 24;

/** A server with so many adapters. */
export interface TimedServer {
  client: Client;
  base: string;
  /** The device's name. */
  gpu: string;
  adapters: readonly string[];
  /** Of those on the GPU. */
  resident: number;
}

/**
 * Milliseconds an answer, the tokens of all, and the sentences that were routed with the adapters in them. `salt` makes prompts that no earlier
 * series has sent, or the prefix cache would answer for it.
 */
export async function timeSeries(
  server: TimedServer,
  { turn: { method, prompts, concurrency }, samples, salt }: {
    turn: Turn;
    samples: readonly Sample[];
    salt: number;
  },
): Promise<{ ms: number; answerTokens: number; sentences: number; mixed: number }> {
  const forceTokens = prompts === "task" ? undefined : ANSWER_TOKENS;
  const requests = samples.map((sample, i) => ({
    fields: method.fields(sample, server),
    messages: [
      { role: "system", content: String(salt * 1000 + i).padStart(9, "0") },
      ...sample.messages,
    ],
  }));
  const answers: Answer[] = [];
  const start = performance.now();
  await inFlight(requests, concurrency, async (request, signal) => {
    answers.push(await ask(server.client, { ...request, forceTokens, signal }));
  });
  const ms = (performance.now() - start) / answers.length;
  const counts = answers.map(({ answerTokens }) => answerTokens);
  const other = counts.find((count) => count !== (forceTokens ?? count));
  if (other !== undefined) {
    throw new Error(`${method.name}: an answer has ${other} tokens, not ${ANSWER_TOKENS}`);
  }
  const answerTokens = counts.reduce((sum, count) => sum + count, 0);
  const sentences = answers.flatMap(({ sentences }) => sentences);
  const mixed = sentences.reduce((sum, { adapters }) => sum + adapters.length, 0);
  return { ms, answerTokens, sentences: sentences.length, mixed };
}

import { type Answer, ask } from "../ask.ts";
import type { Client } from "../client.ts";
import { inFlight } from "../in_flight.ts";
import type { Sample } from "../samples.ts";
import type { Turn } from "./turns.ts";

/** Tokens of an answer: about as many as the right answers to three tasks have. */
export const ANSWER_TOKENS = 24;

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
 * Milliseconds an answer, and the sentences that were routed with the adapters in them. `salt` makes prompts that no earlier
 * series has sent, or the prefix cache would answer for it.
 */
export async function timeSeries(
  server: TimedServer,
  { turn: { method, concurrency }, samples, salt }: {
    turn: Turn;
    samples: readonly Sample[];
    salt: number;
  },
): Promise<{ ms: number; sentences: number; mixed: number }> {
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
    answers.push(await ask(server.client, { ...request, forceTokens: ANSWER_TOKENS, signal }));
  });
  const ms = (performance.now() - start) / answers.length;
  const other = answers.find(({ answerTokens }) => answerTokens !== ANSWER_TOKENS);
  if (other !== undefined) {
    throw new Error(
      `${method.name}: an answer has ${other.answerTokens} tokens, not ${ANSWER_TOKENS}`,
    );
  }
  const sentences = answers.flatMap(({ sentences }) => sentences);
  const mixed = sentences.reduce((sum, { adapters }) => sum + adapters.length, 0);
  return { ms, sentences: sentences.length, mixed };
}

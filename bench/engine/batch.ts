import type { Engine } from "../../engine/core/engine.ts";
import { GREEDY, type Mixture } from "../../engine/core/generation.ts";

/** Events of one step reach different rows' readers within this. */
const SAME_STEP_MS = 0.2;

export interface BatchOptions {
  batch: number;
  /** Of row i; the base alone where left out. */
  mixture?: (i: number) => Mixture;
  promptTokens: number;
  answerTokens: number;
  /** Prompts of one salt are the same each time, which the prefix cache knows; else each is new. */
  salt?: number;
}

/** When a row's tokens came. */
interface Row {
  arrivals: { at: number; tokens: number }[];
  doneAt: number;
}

let nextSalt = 0;

/**
 * Answers a batch of greedy requests at once. `rate`: tokens a second over all rows while all of
 * them decode; `first`: milliseconds until the last row has its first token.
 *
 * @throws {Error} when the rows never decode together: the answers are too short for the batch.
 */
export async function runBatch(
  engine: Engine,
  options: BatchOptions,
): Promise<{ rate: number; first: number }> {
  const start = performance.now();
  const salt = options.salt ?? ++nextSalt * 1009;
  const rows = await Promise.all(
    Array.from({ length: options.batch }, (_, i) => runRow(engine, i, { ...options, salt })),
  );
  const first = Math.max(...rows.map(({ arrivals }) => arrivals[0].at));
  return { first: first - start, rate: options.answerTokens > 1 ? rateOf(rows) : 0 };
}

async function runRow(
  engine: Engine,
  i: number,
  { mixture, promptTokens: length, answerTokens, salt, batch: _ }: BatchOptions & { salt: number },
): Promise<Row> {
  const arrivals: Row["arrivals"] = [];
  const events = engine.generate({
    id: crypto.randomUUID(),
    promptTokens: promptOf(length, { row: i, salt }),
    maxTokens: answerTokens,
    mixture: mixture?.(i) ?? [],
    sampling: GREEDY,
    stopTokens: [],
    pauseTokens: [],
  }, new AbortController().signal);
  for await (const event of events) {
    if (event.kind !== "tokens") continue;
    arrivals.push({ at: performance.now(), tokens: event.tokens.length });
  }
  return { arrivals, doneAt: arrivals.at(-1)!.at };
}

/** Tokens that any small vocabulary has, in another order for each row and salt. */
export function promptOf(
  length: number,
  { row = 0, salt }: { row?: number; salt: number },
): Uint32Array {
  return Uint32Array.from({ length }, (_, j) => 16 + (j * 37 + row * 101 + salt) % 1900);
}

/** From the last row's first token to the first row's end. */
export function rateOf(rows: readonly Row[]): number {
  const from = Math.max(...rows.map(({ arrivals }) => arrivals[0].at)) + SAME_STEP_MS;
  const to = Math.min(...rows.map(({ doneAt }) => doneAt)) + SAME_STEP_MS;
  let tokens = 0;
  for (const { arrivals } of rows) {
    for (const { at, tokens: count } of arrivals) if (at > from && at <= to) tokens += count;
  }
  if (tokens === 0) throw new Error("the rows never decode together: longer answers are needed");
  return 1000 * tokens / (to - from);
}

import { TIMED_METHODS, type TimedMethod } from "./methods.ts";
import type { PromptKind } from "./prompts.ts";

/** A series of one round: which server, which method, how many answers at once and in all. */
export interface Turn {
  round: number;
  /** Number of adapters. */
  count: number;
  method: TimedMethod;
  prompts: PromptKind;
  concurrency: number;
  answers: number;
}

/** One answer after another, and several at once; and how many make a series. */
const SERIES: readonly Pick<Turn, "prompts" | "concurrency" | "answers">[] = [
  { prompts: "task", concurrency: 1, answers: 12 },
  { prompts: "task", concurrency: 8, answers: 24 },
  { prompts: "composite3", concurrency: 1, answers: 3 },
  { prompts: "composite3", concurrency: 8, answers: 8 },
];

/**
 * All series in the order in which they run. Each round begins with another server and another method, so that none always
 * comes first. Round 0 compiles and doesn't count.
 */
export function turnsOf(
  { counts, rounds, methods }: {
    counts: readonly number[];
    rounds: number;
    /** Null: all. */
    methods: readonly string[] | null;
  },
): Turn[] {
  const chosen = TIMED_METHODS.filter(({ name }) => methods?.includes(name) ?? true);
  return Array.from(
    { length: rounds + 1 },
    (_, round) =>
      SERIES.flatMap((series) =>
        rotated(counts, round).flatMap((count) =>
          rotated(chosen.filter(({ prompts }) => prompts.includes(series.prompts)), round)
            .filter(({ least }) => count >= least)
            .map((method) => ({ round, count, method, ...series }))
        )
      ),
  ).flat();
}

function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const at = by % Math.max(1, items.length);
  return [...items.slice(at), ...items.slice(0, at)];
}

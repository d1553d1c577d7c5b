import { TIMED_METHODS, type TimedMethod } from "./methods.ts";

/** A series of one round: which server, which method, how many answers at once and in all. */
export interface Turn {
  round: number;
  /** Number of adapters. */
  count: number;
  method: TimedMethod;
  concurrency: number;
  answers: number;
}

/** One answer after another, and several at once; and how many make a series. */
const SERIES = [{ concurrency: 1, answers: 2 }, { concurrency: 8, answers: 8 }];

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
          rotated(chosen, round).filter(({ least }) => count >= least)
            .map((method) => ({ round, count, method, ...series }))
        )
      ),
  ).flat();
}

function rotated<Item>(items: readonly Item[], by: number): Item[] {
  const at = by % Math.max(1, items.length);
  return [...items.slice(at), ...items.slice(0, at)];
}

import type { TimingResult } from "../results.ts";
import { groupBy } from "../statistics.ts";
import type { RoundRow } from "./rounds.ts";

/** One result for each series, its rounds in order. */
export function scoreTiming(rows: readonly RoundRow[]): TimingResult[] {
  const keyOf = ({ adapters, concurrency, method }: RoundRow) =>
    `${adapters} ${concurrency} ${method}`;
  return [...groupBy(rows, keyOf).values()].map((unordered) => {
    const rows = [...unordered].sort((a, b) => a.round - b.round);
    const [{ adapters, resident, concurrency, method, answers, answerTokens }] = rows;
    const sum = (of: (row: RoundRow) => number) => rows.reduce((sum, row) => sum + of(row), 0);
    const sentences = sum((row) => row.sentences);
    return {
      adapters,
      resident,
      concurrency,
      method,
      answers,
      answerTokens,
      ms: rows.map(({ ms }) => ms),
      routesPerAnswer: sentences / sum((row) => row.answers),
      adaptersPerSentence: sentences === 0 ? 0 : sum((row) => row.mixed) / sentences,
    };
  });
}

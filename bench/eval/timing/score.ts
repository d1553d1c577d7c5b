import type { TimingResult } from "../results.ts";
import { groupBy } from "../../statistics.ts";
import type { RoundRow } from "./rounds.ts";

/** One result for each series, its rounds in order. */
export function scoreTiming(rows: readonly RoundRow[]): TimingResult[] {
  const keyOf = ({ prompts, adapters, concurrency, method }: RoundRow) =>
    `${prompts} ${adapters} ${concurrency} ${method}`;
  return [...groupBy(rows, keyOf).values()].map((unordered) => {
    const rows = [...unordered].sort((a, b) => a.round - b.round);
    const [{ prompts, adapters, resident, concurrency, method, answers }] = rows;
    const sum = (of: (row: RoundRow) => number) => rows.reduce((sum, row) => sum + of(row), 0);
    const all = sum((row) => row.answers);
    const sentences = sum((row) => row.sentences);
    return {
      prompts,
      adapters,
      resident,
      concurrency,
      method,
      answers,
      answerTokens: sum((row) => row.answerTokens) / all,
      ms: rows.map(({ ms }) => ms),
      routesPerAnswer: sentences / all,
      adaptersPerSentence: sentences === 0 ? 0 : sum((row) => row.mixed) / sentences,
    };
  });
}

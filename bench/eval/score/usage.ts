import type { AnswerRow } from "../answers.ts";
import { COMPOSITE_FILES } from "../samples.ts";
import type { UsageResult } from "../results.ts";
import { groupBy, mean } from "../../statistics.ts";

/** What each method did, over all its answers. Methods without a router have the times only. */
export function usageOf(rows: readonly AnswerRow[]): UsageResult[] {
  const groups = groupBy(rows, (row) => `${partOf(row)} ${row.method}`);
  return [...groups.values()].map((rows) => {
    const sentences = rows.flatMap((row) => row.sentences);
    const share = (values: number[]) => values.length === 0 ? 0 : mean(values);
    return {
      part: partOf(rows[0]),
      method: rows[0].method,
      answers: rows.length,
      sentencesPerAnswer: sentences.length / rows.length,
      adaptersPerSentence: adaptersPerSentence(rows),
      abstained: share(sentences.map(({ abstained }) => Number(abstained))),
      missed: share(sentences.map(({ missed }) => Number(missed.length > 0))),
      entropy: share(sentences.map(({ entropy }) => entropy)),
      timings: meanTimings(rows),
    };
  });
}

/** Mean over the sentences; 0 where no sentence was routed. */
export function adaptersPerSentence(rows: readonly Pick<AnswerRow, "sentences">[]): number {
  const sentences = rows.flatMap((row) => row.sentences);
  return sentences.length === 0 ? 0 : mean(sentences.map(({ adapters }) => adapters.length));
}

function partOf({ file, method }: AnswerRow): UsageResult["part"] {
  if (COMPOSITE_FILES.includes(file)) return "composite";
  return method.includes("@") ? "sweep" : "tasks";
}

/** A time that an answer doesn't have counts as 0. */
function meanTimings(rows: readonly AnswerRow[]): Record<string, number> {
  const names = [...new Set(rows.flatMap(({ timings }) => Object.keys(timings)))].sort();
  return Object.fromEntries([
    ["answer_ms", mean(rows.map(({ ms }) => ms))],
    ...names.map((name) => [name, mean(rows.map(({ timings }) => timings[name] ?? 0))]),
  ]);
}

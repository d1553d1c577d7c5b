import type { AnswerRow } from "../answers.ts";
import type { Sample } from "../samples.ts";
import { groupBy } from "../../statistics.ts";

/** A method's answers: one list a router (or one list), in the order of the samples. */
export interface MethodAnswers {
  method: string;
  seeds: AnswerRow[][];
}

/** The answers of each method and router that has one to every sample. */
export function bySeed(samples: readonly Sample[], rows: readonly AnswerRow[]): MethodAnswers[] {
  const own = rows.filter(({ file }) => file === samples[0].file);
  return [...groupBy(own, ({ method }) => method)].map(([method, ofMethod]) => {
    const groups = [...groupBy(ofMethod, ({ seed }) => seed)].sort(([a], [b]) => a! - b!);
    const seeds = groups.map(([, rows]) => inOrder(samples, rows)).filter((rows) => rows !== null);
    return { method, seeds };
  }).filter(({ seeds }) => seeds.length > 0);
}

/** One answer a sample, or null where some are missing. */
function inOrder(samples: readonly Sample[], rows: readonly AnswerRow[]): AnswerRow[] | null {
  const byIndex = new Map(rows.map((row) => [row.index, row]));
  const found = samples.map(({ index }) => byIndex.get(index));
  return found.every((row) => row !== undefined) ? found : null;
}

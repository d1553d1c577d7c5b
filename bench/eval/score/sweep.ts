import type { AnswerRow } from "../answers.ts";
import { SWEPT_P } from "../methods.ts";
import type { SweepResult, TaskMetric, TaskResult } from "../results.ts";
import type { Sample } from "../samples.ts";
import { groupBy, mean } from "../../statistics.ts";
import { scoreTask } from "./tasks.ts";
import { adaptersPerSentence } from "./usage.ts";

/** Means over the tasks for each p that was measured on all of them. */
export function scoreSweep(
  files: readonly (readonly Sample[])[],
  rows: readonly AnswerRow[],
): SweepResult[] {
  const tasks = files.map((samples) => scoreTask(samples, rows)).filter((task) => task !== null);
  return SWEPT_P.flatMap((p) => {
    const method = `top-p@${p}`;
    const own = rows.filter((row) => row.method === method);
    if (own.length === 0 || !files.every((_, i) => tasks[i]?.methods[method])) return [];
    return [{
      p,
      choiceAccuracy: meanOverTasks(tasks, { method, metric: "accuracy" }),
      qaRougeL: meanOverTasks(tasks, { method, metric: "rougeL" }),
      adaptersPerSentence: [...groupBy(own, ({ seed }) => seed).values()].map(adaptersPerSentence),
    }];
  });
}

/** One mean a router, over the tasks that have the metric; empty where a task lacks the method. */
export function meanOverTasks(
  tasks: readonly TaskResult[],
  { method, metric }: { method: string; metric: TaskMetric },
): number[] {
  const kind = metric === "accuracy" ? "choice" : "qa";
  const lists = tasks.filter((task) => task.kind === kind)
    .map(({ methods }) => methods[method]?.[metric] ?? []);
  if (lists.length === 0) return [];
  const seeds = Math.min(...lists.map((list) => list.length));
  return Array.from({ length: seeds }, (_, seed) => mean(lists.map((list) => list[seed])));
}

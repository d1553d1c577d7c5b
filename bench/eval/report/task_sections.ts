import { TASK_METHODS } from "../methods.ts";
import type { Results, TaskMetric, TaskResult } from "../results.ts";
import { meanOverTasks } from "../score/mod.ts";
import { NONE, percent, table } from "./markdown.ts";

const QA_METRICS = [["bleu", "BLEU"], ["rouge1", "ROUGE-1"], ["rougeL", "ROUGE-L"]] as const;

/** `means`: a row a metric; `choice` and `qa`: a row a task. */
export function taskSections({ tasks }: Results): Record<string, string> {
  const methods = TASK_METHODS.filter(({ name }) => tasks.some((task) => task.methods[name]));
  if (methods.length === 0) return { means: NONE, choice: NONE, qa: NONE };
  const labels = methods.map(({ label }) => label);
  const names = methods.map(({ name }) => name);
  const means = ([metric, label]: readonly [TaskMetric, string]) => [
    label,
    ...names.map((method) => percent(meanOverTasks(tasks, { method, metric }))),
  ];
  return {
    means: table(["mean over the tasks, %", ...labels], [
      means(["accuracy", "multiple choice, accuracy"]),
      ...QA_METRICS.map(([metric, label]) => means([metric, `QA, ${label}`])),
    ]),
    choice: perTask(tasks, { kind: "choice", metrics: [["accuracy", "accuracy"]], names, labels }),
    qa: perTask(tasks, { kind: "qa", metrics: QA_METRICS, names, labels }),
  };
}

function perTask(
  tasks: readonly TaskResult[],
  { kind, metrics, names, labels }: {
    kind: TaskResult["kind"];
    metrics: readonly (readonly [TaskMetric, string])[];
    names: readonly string[];
    labels: readonly string[];
  },
): string {
  const rows = tasks.filter((task) => task.kind === kind).flatMap(({ task, methods }) =>
    metrics.map(([metric, label]) => [
      metrics.length === 1 ? task : `${task}, ${label}`,
      ...names.map((name) => percent(methods[name]?.[metric])),
    ])
  );
  return rows.length === 0 ? NONE : table(["task, %", ...labels], rows);
}

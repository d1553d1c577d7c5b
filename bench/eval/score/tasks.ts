import type { AnswerRow } from "../answers.ts";
import { accuracy, bleu, rouge1, rougeL } from "../metrics/mod.ts";
import type { TaskMetric, TaskResult } from "../results.ts";
import { kindOf, type Sample } from "../samples.ts";
import { bySeed } from "./seeds.ts";

type Scores = Partial<Record<TaskMetric, number>>;

/** Scores the answers to one task's samples, per method and router. Answers to other samples don't count. */
export function scoreTask(
  samples: readonly Sample[],
  rows: readonly AnswerRow[],
): TaskResult | null {
  const [{ file }] = samples;
  const kind = kindOf(samples[0]) === "choice" ? "choice" : "qa";
  const methods: TaskResult["methods"] = {};
  for (const { method, seeds } of bySeed(samples, rows)) {
    methods[method] = collect(seeds.map((rows) => score(kind, samples, rows)));
  }
  if (Object.keys(methods).length === 0) return null;
  return { task: file, kind, count: samples.length, methods };
}

function score(kind: "choice" | "qa", samples: readonly Sample[], rows: AnswerRow[]): Scores {
  const replies = rows.map(({ reply }) => reply.trim());
  const answers = samples.map(({ answer }) => answer);
  if (kind === "choice") return { accuracy: accuracy(replies, answers) };
  return {
    bleu: bleu(replies, answers.map((answer) => [answer])),
    rouge1: rouge1(replies, answers),
    rougeL: rougeL(replies, answers),
  };
}

/** One list a metric, from one set of metrics a router. */
function collect(scores: readonly Scores[]): Partial<Record<TaskMetric, number[]>> {
  const names = Object.keys(scores[0]) as TaskMetric[];
  return Object.fromEntries(names.map((name) => [name, scores.map((score) => score[name]!)]));
}

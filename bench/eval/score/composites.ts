import type { AnswerRow } from "../answers.ts";
import { scoreComposite } from "../metrics/mod.ts";
import type { CompositeResult } from "../results.ts";
import type { Sample } from "../samples.ts";
import { mean } from "../../statistics.ts";
import { bySeed } from "./seeds.ts";

/** Scores the answers to one file of composites, per method and router. */
export function scoreComposites(
  samples: readonly Sample[],
  rows: readonly AnswerRow[],
): CompositeResult | null {
  const methods: CompositeResult["methods"] = {};
  for (const { method, seeds } of bySeed(samples, rows)) {
    const scores = seeds.map((rows) => score(samples, rows));
    methods[method] = {
      sentences: scores.map(({ sentences }) => sentences),
      whole: scores.map(({ whole }) => whole),
      ...(seeds[0][0].seed === null ? {} : { routed: scores.map(({ routed }) => routed) }),
    };
  }
  if (Object.keys(methods).length === 0) return null;
  return { file: samples[0].file, count: samples.length, methods };
}

function score(samples: readonly Sample[], rows: readonly AnswerRow[]) {
  const scores = rows.map(({ reply }, i) =>
    scoreComposite(reply, { answer: samples[i].answer, answers: samples[i].answers! })
  );
  return {
    sentences: mean(scores.flatMap(({ sentences }) => sentences).map(Number)),
    whole: mean(scores.map(({ whole }) => Number(whole))),
    routed: mean(rows.flatMap((row, i) => routedRight(row, samples[i].tasks!)).map(Number)),
  };
}

/** For each sentence that was asked for: whether the heaviest adapter of the answer's sentence in that place is its task's. */
function routedRight({ sentences }: AnswerRow, tasks: readonly string[]): boolean[] {
  return tasks.map((task, i) => {
    // Without a route of its own a sentence has the one before it.
    const sentence = sentences[i] ?? sentences.at(-1);
    return sentence?.adapters[0]?.[0] === task;
  });
}

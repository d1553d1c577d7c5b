import assert from "node:assert/strict";
import type { RoundRow } from "../../../../bench/eval/timing/rounds.ts";
import { scoreTiming } from "../../../../bench/eval/timing/score.ts";

function row(round: number, fields: Partial<RoundRow>): RoundRow {
  return {
    prompts: "composite3",
    adapters: 3,
    resident: 3,
    concurrency: 1,
    method: "auto",
    round,
    answers: 4,
    answerTokens: 96,
    ms: 100,
    sentences: 8,
    mixed: 12,
    ...fields,
  };
}

Deno.test("rows become one series each, rounds in order", () => {
  const rows = [row(2, { ms: 90 }), row(1, { ms: 110 }), row(1, { concurrency: 8, ms: 20 })];
  const [one, eight] = scoreTiming([...rows, row(1, { prompts: "task", ms: 5 })]);
  assert.deepEqual(one.ms, [110, 90]);
  assert.deepEqual(eight.ms, [20]);
  assert.equal(one.answerTokens, 24);
  assert.equal(one.routesPerAnswer, 2);
  assert.equal(one.adaptersPerSentence, 1.5);
});

Deno.test("a series without routes has none", () => {
  const [series] = scoreTiming([row(1, { method: "base", sentences: 0, mixed: 0 })]);
  assert.equal(series.routesPerAnswer, 0);
  assert.equal(series.adaptersPerSentence, 0);
});

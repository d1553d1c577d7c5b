import assert from "node:assert/strict";
import { TimedPrompts } from "../../../../bench/eval/timing/prompts.ts";

const prompts = await TimedPrompts.read("models/demo/eval");

Deno.test("prompts of single tasks go round the tasks that have an adapter", () => {
  const of = (round: number) =>
    prompts.of({ prompts: "task", answers: 4, round }, ["plurals", "navigation"])
      .map(({ file, index }) => `${file} ${index}`);
  assert.deepEqual(of(0), ["navigation 0", "plurals 0", "navigation 1", "plurals 1"]);
  assert.deepEqual(of(1)[0], "navigation 2");
});

Deno.test("composites are asked whatever adapters there are", () => {
  const samples = prompts.of({ prompts: "composite3", answers: 100, round: 0 }, []);
  assert.equal(samples.length, 100);
  assert.ok(samples.every(({ file }) => file === "composite3"));
});

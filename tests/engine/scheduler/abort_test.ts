import assert from "node:assert/strict";
import { add, drawAll, schedulerWith, step } from "./harness.ts";

Deno.test("aborting a waiting request takes it from the queue at once", () => {
  const scheduler = schedulerWith({ maxBatch: 1 });
  const [a, b, c] = ["a", "b", "c"].map((id) => add(scheduler, id));
  assert.equal(scheduler.abort("b"), true);
  assert.equal(b.state, "finished");
  assert.equal(scheduler.abort("b"), false);
  assert.equal(scheduler.abort("nobody"), false);
  step(scheduler);
  scheduler.finish(a);
  assert.equal(step(scheduler).prefills[0].sequence, c);
});

Deno.test("aborting between steps frees row and blocks at once", () => {
  const scheduler = schedulerWith();
  const sequence = add(scheduler, "a", { prompt: 40 });
  step(scheduler);
  scheduler.abort("a");
  assert.deepEqual([sequence.state, sequence.row], ["finished", -1]);
  assert.equal(scheduler.stats.usedBlocks, 0);
  assert.equal(scheduler.schedule(), null);
  scheduler.checkIntegrity();
});

Deno.test("aborting in flight keeps the blocks until the step is committed, and no longer", () => {
  const scheduler = schedulerWith();
  const [doomed, other] = ["a", "b"].map((id, seed) => add(scheduler, id, { prompt: 20, seed }));
  const plan = scheduler.schedule()!;
  assert.equal(scheduler.abort("a"), true);
  assert.equal(scheduler.abort("a"), false);
  assert.deepEqual([doomed.state, doomed.blockTable.length], ["running", 2]);
  scheduler.checkIntegrity();
  // Its results are not needed.
  scheduler.commit(plan, new Map([[other, [5]]]));
  assert.deepEqual([doomed.state, doomed.numGenerated], ["finished", 0]);
  assert.deepEqual([scheduler.stats.running, scheduler.stats.usedBlocks], [1, 2]);
  assert.deepEqual(step(scheduler).decodes, [other]);
});

Deno.test("finishing in flight waits for the commit too, and ending twice is fine", () => {
  const scheduler = schedulerWith();
  const sequence = add(scheduler, "a");
  const plan = scheduler.schedule()!;
  scheduler.finish(sequence);
  scheduler.finish(sequence);
  scheduler.commit(plan, drawAll(plan));
  assert.equal(sequence.state, "finished");
  scheduler.finish(sequence);
  assert.equal(scheduler.abort("a"), false);
  scheduler.checkIntegrity();
});

Deno.test("a running sequence without a chunk in the step in flight is freed at once", () => {
  const scheduler = schedulerWith({ prefillTokenBudget: 32 });
  add(scheduler, "a", { prompt: 24, maxTokens: 50 });
  const second = add(scheduler, "b", { prompt: 100, seed: 1 });
  const third = add(scheduler, "c", { prompt: 20, seed: 2 });
  step(scheduler); // a 24, b 8
  const plan = scheduler.schedule()!; // a decodes, b takes the whole budget
  assert.deepEqual([second.state, third.state], ["running", "waiting"]);
  scheduler.abort("c");
  assert.equal(third.state, "finished");
  scheduler.commit(plan, drawAll(plan));
  scheduler.checkIntegrity();
});

import assert from "node:assert/strict";
import { add, runToEnd, schedulerWith, step } from "./harness.ts";

Deno.test("one block short, the newest gives way, waits at the head and is recomputed", () => {
  const scheduler = schedulerWith({ numBlocks: 4, prefixCache: false });
  const [old, young] = ["old", "young"].map((id, seed) => add(scheduler, id, { prompt: 16, seed }));
  step(scheduler); // each has 1 block and needs a second to feed its first token
  step(scheduler);
  const late = add(scheduler, "late", { prompt: 16, seed: 2 });
  while (old.length < 33) step(scheduler);
  const plan = step(scheduler);
  assert.deepEqual(plan.preempted, [young]);
  assert.deepEqual(plan.decodes, [old]);
  assert.deepEqual([young.state, young.row, young.length], ["waiting", -1, 33]);
  assert.equal(scheduler.stats.preemptions, 1);

  // "late" would fit into the block left, but may not overtake.
  step(scheduler);
  assert.equal(late.state, "waiting");
  scheduler.finish(old);
  const [chunk] = step(scheduler).prefills;
  assert.deepEqual([chunk.sequence, chunk.tokens.length, chunk.last], [young, 33, true]);
  assert.deepEqual([young.phase, young.numGenerated, young.admissions], ["decode", 18, 2]);
});

Deno.test("a preempted sequence finds its own blocks in the cache again", () => {
  const scheduler = schedulerWith({ numBlocks: 7 });
  const old = add(scheduler, "old", { prompt: 40, seed: 1, maxTokens: 41 });
  const young = add(scheduler, "young", { prompt: 40, seed: 2 });
  while (scheduler.stats.preemptions === 0) step(scheduler);
  assert.deepEqual([young.state, young.length], ["waiting", 49]);
  runToEnd(scheduler, old); // needs one of the three blocks that "young" left, and takes the last
  const [chunk] = step(scheduler).prefills;
  assert.equal(chunk.sequence, young);
  assert.equal(chunk.start, 32);
  assert.equal(young.numCached, 0, "only the first admission counts");
});

Deno.test("when blocks are short the burst shrinks before anyone is preempted", () => {
  const scheduler = schedulerWith({ numBlocks: 3, maxBurst: 16, prefixCache: false });
  add(scheduler, "a", { prompt: 10 });
  add(scheduler, "b", { prompt: 12, seed: 1 });
  step(scheduler);
  // One spare block: "b" may take it after 4 tokens, "a" then has 6 in its own.
  const plan = step(scheduler);
  assert.deepEqual([plan.burst, plan.preempted], [6, []]);
});

Deno.test("a burst reserves nothing beyond the end of an answer", () => {
  const scheduler = schedulerWith({ numBlocks: 4, maxBurst: 33, prefixCache: false });
  const long = add(scheduler, "long", { prompt: 10, maxTokens: 34 });
  const ending = add(scheduler, "ending", { prompt: 15, seed: 1, maxTokens: 2 });
  step(scheduler);
  assert.equal(step(scheduler).burst, 33);
  assert.deepEqual([long.blockTable.length, ending.blockTable.length], [3, 1]);
});

Deno.test("blocks reserved for a burst that idled are taken back before anyone is preempted", () => {
  const scheduler = schedulerWith({ numBlocks: 4, maxBurst: 33, prefixCache: false });
  const paused = add(scheduler, "paused", { prompt: 10, maxTokens: 34 });
  step(scheduler);
  const plan = scheduler.schedule()!;
  assert.deepEqual([plan.burst, paused.blockTable.length], [33, 3]);
  scheduler.commit(plan, new Map([[paused, [5]]]));
  const other = add(scheduler, "other", { prompt: 16, seed: 1, maxTokens: 10 });
  assert.equal(step(scheduler).prefills[0].sequence, other); // the last free block
  assert.deepEqual(step(scheduler).preempted, []);
  assert.equal(scheduler.stats.preemptions, 0);
  assert.equal(other.blockTable.length, 2);
});

Deno.test("admission leaves a block for each running sequence that may grow", () => {
  const scheduler = schedulerWith({ numBlocks: 4, prefixCache: false });
  add(scheduler, "a", { prompt: 32 });
  const second = add(scheduler, "b", { prompt: 32, seed: 1, maxTokens: 1 });
  step(scheduler);
  assert.equal(second.state, "waiting");
  scheduler.abort("a");
  add(scheduler, "c", { prompt: 32, seed: 2, maxTokens: 1 });
  step(scheduler); // neither will grow, so both fit exactly
  assert.equal(scheduler.stats.running, 2);
});

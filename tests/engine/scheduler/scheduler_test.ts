import assert from "node:assert/strict";
import { add, drawAll, runToEnd, schedulerWith, step, tokensOf, weftError } from "./harness.ts";

Deno.test("nothing to do is null", () => {
  assert.equal(schedulerWith().schedule(), null);
});

Deno.test("a prompt is prefilled, then decoded from the next step on", () => {
  const scheduler = schedulerWith();
  const sequence = add(scheduler, "a", { prompt: 20, maxTokens: 3 });
  const first = step(scheduler);
  assert.deepEqual(
    first.prefills.map(({ start, tokens, last }) => ({ start, tokens: tokens.length, last })),
    [{ start: 0, tokens: 20, last: true }],
  );
  assert.deepEqual(first.decodes, []);
  assert.deepEqual([sequence.numComputed, sequence.numGenerated, sequence.row], [20, 1, 0]);
  const second = step(scheduler);
  assert.deepEqual([second.prefills.length, second.decodes[0]], [0, sequence]);
  assert.deepEqual([sequence.numComputed, sequence.numGenerated], [21, 2]);
});

Deno.test("a long prompt takes chunks of the budget and shares the last one with the next", () => {
  const scheduler = schedulerWith({ prefillTokenBudget: 32 });
  add(scheduler, "long", { prompt: 70 });
  add(scheduler, "next", { prompt: 40, seed: 1 });
  const chunks = [step(scheduler), step(scheduler), step(scheduler)].map(({ prefills }) =>
    prefills.map(({ sequence, start, tokens, last }) =>
      `${sequence.id} ${start}+${tokens.length}${last ? " last" : ""}`
    )
  );
  assert.deepEqual(chunks, [["long 0+32"], ["long 32+32"], ["long 64+6 last", "next 0+26"]]);
});

Deno.test("prefill and decode share a step, in which the burst is 1", () => {
  const scheduler = schedulerWith({ maxBurst: 8 });
  const first = add(scheduler, "a");
  step(scheduler);
  const second = add(scheduler, "b");
  const plan = step(scheduler);
  assert.deepEqual([plan.decodes, plan.prefills[0].sequence], [[first], second]);
  assert.equal(plan.burst, 1);
  assert.equal(step(scheduler).burst, 8);
});

Deno.test("the burst is no longer than the longest answer still to draw", () => {
  const scheduler = schedulerWith({ maxBurst: 8 });
  const short = add(scheduler, "short", { maxTokens: 3 });
  const shorter = add(scheduler, "shorter", { maxTokens: 2 });
  step(scheduler);
  assert.equal(step(scheduler).burst, 2);
  assert.deepEqual([short.numGenerated, shorter.numGenerated], [3, 2]);
});

Deno.test("a row that idled in a burst goes on where it stopped", () => {
  const scheduler = schedulerWith({ maxBurst: 8 });
  const sequence = add(scheduler, "a", { prompt: 8 });
  step(scheduler);
  const plan = scheduler.schedule()!;
  scheduler.commit(plan, new Map([[sequence, [1, 2, 3]]]));
  scheduler.checkIntegrity();
  assert.deepEqual([sequence.numComputed, [...sequence.tokens.slice(8)]], [11, [5, 1, 2, 3]]);
  assert.equal(step(scheduler).burst, 8);
});

Deno.test("maxTokens 1 is one prefill and no decode", () => {
  const scheduler = schedulerWith();
  const sequence = add(scheduler, "a", { prompt: 16, maxTokens: 1 });
  step(scheduler);
  assert.deepEqual([sequence.remaining, sequence.blockTable.length], [0, 1]);
  scheduler.finish(sequence);
  assert.equal(scheduler.schedule(), null);
});

Deno.test("a prompt one short of the context draws one token", () => {
  const scheduler = schedulerWith({ maxModelLen: 32 });
  const sequence = add(scheduler, "a", { prompt: 31 });
  assert.equal(sequence.remaining, 1);
  step(scheduler);
  assert.deepEqual([sequence.length, sequence.remaining], [32, 0]);
});

Deno.test("a sequence alone may fill every block and draws one token more", () => {
  const scheduler = schedulerWith({ numBlocks: 3, maxBurst: 7 });
  const sequence = add(scheduler, "a", { prompt: 30 });
  runToEnd(scheduler, sequence);
  assert.deepEqual([sequence.length, sequence.numComputed], [49, 0]);
  assert.equal(scheduler.stats.preemptions, 0);
});

Deno.test("a sequence at its limit that nobody finished is an error", () => {
  const scheduler = schedulerWith();
  add(scheduler, "a", { maxTokens: 1 });
  step(scheduler);
  assert.throws(() => scheduler.schedule(), weftError("internal", /"a" is at its limit/));
});

Deno.test("results must fit the plan, or nothing changes", () => {
  const scheduler = schedulerWith({ maxBurst: 4 });
  const sequence = add(scheduler, "a");
  step(scheduler);
  const plan = scheduler.schedule()!;
  const other = schedulerWith();
  const stranger = add(other, "x");
  for (
    const results of [
      new Map(),
      new Map([[sequence, [1, 2, 3, 4, 5]]]),
      new Map([[sequence, [1]], [stranger, [1]]]),
    ]
  ) {
    assert.throws(() => scheduler.commit(plan, results), weftError("internal", /invariant/));
    assert.equal(sequence.numGenerated, 1);
  }
  assert.throws(() => scheduler.schedule(), weftError("internal", /before the last was committed/));
  scheduler.commit(plan, drawAll(plan));
  assert.throws(() => scheduler.commit(plan, new Map()), weftError("internal", /not the one in/));
  assert.throws(() => scheduler.finish(stranger), weftError("internal", /"x" is not ours/));
});

Deno.test("a decode that was stopped draws nothing and is planned again as it was", () => {
  const scheduler = schedulerWith({ maxBurst: 4 });
  const sequence = add(scheduler, "a");
  step(scheduler);
  const plan = scheduler.schedule()!;
  scheduler.commit(plan, new Map([[sequence, []]]));
  scheduler.checkIntegrity();
  assert.equal(sequence.numGenerated, 1);
  assert.deepEqual(scheduler.schedule()!.decodes, [sequence]);
});

Deno.test("a prompt that ends draws a token", () => {
  const scheduler = schedulerWith();
  const sequence = add(scheduler, "a");
  const plan = scheduler.schedule()!;
  const results = new Map([[sequence, []]]);
  assert.throws(() => scheduler.commit(plan, results), weftError("internal", /must be 1 to 1/));
});

Deno.test("the mixture of a decode in flight can be named, of others not", () => {
  const scheduler = schedulerWith({ maxBurst: 1 });
  const sequence = add(scheduler, "a", { prompt: 5 });
  const prefill = scheduler.schedule()!;
  assert.throws(() => scheduler.nameMixture(sequence, "new"), weftError("internal", /no decode/));
  scheduler.commit(prefill, drawAll(prefill));
  assert.throws(() => scheduler.nameMixture(sequence, "new"), weftError("internal", /no decode/));
  const plan = scheduler.schedule()!;
  scheduler.nameMixture(sequence, "new");
  scheduler.commit(plan, drawAll(plan));
  assert.deepEqual(sequence.segments.map(({ start }) => start), [0, 5]);
  assert.equal(sequence.segments[1].mixtureKey, "new");
});

Deno.test("rows are kept while running and given again, lowest first", () => {
  const scheduler = schedulerWith();
  const [a, b, c] = ["a", "b", "c"].map((id) => add(scheduler, id));
  step(scheduler);
  assert.deepEqual([a.row, b.row, c.row], [0, 1, 2]);
  scheduler.finish(a);
  const [d, e] = ["d", "e"].map((id) => add(scheduler, id));
  step(scheduler);
  assert.deepEqual([a.row, b.row, c.row, d.row, e.row], [-1, 1, 2, 0, 3]);
});

Deno.test("the version of a block table grows whenever the table changes", () => {
  const scheduler = schedulerWith();
  const sequence = add(scheduler, "a", { prompt: 15 });
  let before = { version: sequence.blockTableVersion, table: sequence.blockTable.join() };
  for (let i = 0; i < 60; i++) {
    step(scheduler);
    const now = { version: sequence.blockTableVersion, table: sequence.blockTable.join() };
    assert.equal(now.version > before.version, now.table !== before.table);
    before = now;
  }
  scheduler.finish(sequence);
  assert.ok(sequence.blockTableVersion > before.version);
});

Deno.test("the caller's prompt buffer is not kept", () => {
  const scheduler = schedulerWith();
  const promptTokens = tokensOf(4);
  const sequence = scheduler.add({ id: "a", promptTokens, maxTokens: 1, mixtureKey: "" });
  promptTokens.fill(99);
  assert.deepEqual([...sequence.tokens], [0, 7, 14, 21]);
});

Deno.test("stats count steps, tokens, blocks and the batch", () => {
  const scheduler = schedulerWith({ maxBurst: 4 });
  const sequence = add(scheduler, "a", { prompt: 40, maxTokens: 5 });
  assert.deepEqual([scheduler.stats.waiting, scheduler.stats.waitingTokens], [1, 40]);
  runToEnd(scheduler, sequence);
  const again = add(scheduler, "b", { prompt: 40, maxTokens: 5 });
  step(scheduler);
  assert.equal(again.numCached, 32);
  assert.deepEqual(scheduler.stats, {
    running: 1,
    waiting: 0,
    waitingTokens: 0,
    numBlocks: 64,
    usedBlocks: 3,
    cachedBlocks: 0,
    kvUsage: 3 / 64,
    batchSize: 1,
    steps: 3,
    preemptions: 0,
    promptTokens: 80,
    cachedPromptTokens: 32,
    generatedTokens: 6,
  });
});

Deno.test("sizes must be whole numbers of 1 or more", () => {
  for (const bad of [0, -1, 1.5, NaN, Infinity]) {
    assert.throws(
      () => schedulerWith({ maxBatch: bad }),
      weftError("internal", new RegExp(`maxBatch is ${bad}, must be a whole number`)),
    );
  }
});

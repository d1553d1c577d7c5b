import assert from "node:assert/strict";
import { add, drawAll, runToEnd, schedulerWith, step } from "./harness.ts";

Deno.test("small requests that keep coming do not starve a large prompt", () => {
  const scheduler = schedulerWith({ numBlocks: 16, maxBatch: 8, prefillTokenBudget: 32 });
  const live = new Set(
    [1, 2, 3, 4].map((seed) =>
      add(scheduler, `first-${seed}`, { prompt: 30, seed, maxTokens: 20 })
    ),
  );
  step(scheduler);
  const large = add(scheduler, "large", { prompt: 200, maxTokens: 2 });
  let started = 0;
  for (let i = 0; large.numGenerated === 0; i++) {
    assert.ok(i < 100, "the large prompt starves");
    live.add(add(scheduler, `small-${i}`, { prompt: 30, seed: i, maxTokens: 20 }));
    step(scheduler);
    for (const sequence of live) {
      if (sequence.id.startsWith("small") && sequence.admissions > 0) started++;
      if (sequence.remaining > 0) continue;
      scheduler.finish(sequence);
      live.delete(sequence);
    }
    if (large.admissions === 0) assert.equal(started, 0, "a later request overtook");
  }
});

Deno.test("a held sequence is overtaken, and goes first once it is free to run", () => {
  const scheduler = schedulerWith({ maxBatch: 2 });
  const held = add(scheduler, "held", { mixtureKey: "sql" });
  const base = add(scheduler, "base");
  const later = add(scheduler, "later");
  const plan = scheduler.schedule(({ mixtureKey }) => mixtureKey !== "sql")!;
  assert.deepEqual(plan.prefills.map(({ sequence }) => sequence), [base, later]);
  scheduler.commit(plan, drawAll(plan));
  add(scheduler, "last");
  scheduler.finish(base);
  assert.equal(step(scheduler).prefills[0].sequence, held);
});

Deno.test("when all that wait are held there is nothing to do", () => {
  const scheduler = schedulerWith();
  add(scheduler, "a");
  assert.equal(scheduler.schedule(() => false), null);
  assert.ok(scheduler.schedule());
});

Deno.test("2000 waiting requests run first come, first served", () => {
  const scheduler = schedulerWith({ maxBatch: 64, maxQueuedRequests: 2000, numBlocks: 256 });
  const all = Array.from(
    { length: 2000 },
    (_, i) => add(scheduler, `${i}`, { prompt: 10 + i % 13, seed: i % 7, maxTokens: 3 }),
  );
  for (let i = 1; i < 2000; i += 10) scheduler.abort(`${i}`);
  const order = new Set<number>();
  while (scheduler.stats.running + scheduler.stats.waiting > 0) {
    for (const { sequence } of step(scheduler).prefills) {
      order.add(Number(sequence.id));
    }
    for (const sequence of all) {
      if (sequence.remaining === 0 && sequence.state === "running") scheduler.finish(sequence);
    }
  }
  assert.deepEqual([...order], [...order].sort((a, b) => a - b));
  assert.equal(all.filter(({ numGenerated }) => numGenerated === 3).length, 1800);
  assert.equal(scheduler.stats.usedBlocks, 0);
});

Deno.test("running one request after another leaves every block free", () => {
  const scheduler = schedulerWith({ numBlocks: 8 });
  for (let i = 0; i < 50; i++) runToEnd(scheduler, add(scheduler, `${i}`, { prompt: 90, seed: i }));
  assert.deepEqual([scheduler.stats.usedBlocks, scheduler.stats.running], [0, 0]);
});

import type { Scheduler } from "../../../engine/scheduler/mod.ts";
import { add, drawAll, schedulerWith } from "./harness.ts";

/** Run with `deno bench tests/engine/scheduler/scheduler_bench.ts`; a step should take under 50 µs. */
function decoding(rows: number, waiting: number): Scheduler {
  const scheduler = schedulerWith({
    maxBatch: rows,
    maxModelLen: 1 << 24,
    numBlocks: 1 << 18,
    prefillTokenBudget: 1 << 20,
    maxQueuedRequests: 10_000,
    maxQueuedTokens: 1 << 24,
  });
  for (let i = 0; i < rows + waiting; i++) {
    add(scheduler, `${i}`, { prompt: 100 + i, seed: i, maxTokens: 1 << 23 });
  }
  const plan = scheduler.schedule()!;
  scheduler.commit(plan, drawAll(plan));
  return scheduler;
}

for (const waiting of [0, 2000]) {
  let scheduler = decoding(64, waiting);
  Deno.bench(`schedule and commit, 64 decode rows, ${waiting} waiting`, (b) => {
    if (scheduler.stats.usedBlocks > 200_000) scheduler = decoding(64, waiting);
    b.start();
    const plan = scheduler.schedule()!;
    scheduler.commit(plan, drawAll(plan));
    b.end();
  });
}

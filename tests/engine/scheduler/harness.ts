import assert from "node:assert/strict";
import {
  Scheduler,
  type SchedulerOptions,
  type Sequence,
  type StepPlan,
} from "../../../engine/scheduler/mod.ts";
import { WeftError, type WeftErrorOptions } from "../../../engine/core/errors.ts";

export const ROOMY: SchedulerOptions = {
  maxBatch: 4,
  maxModelLen: 1024,
  numBlocks: 64,
  prefillTokenBudget: 256,
  maxBurst: 1,
  maxQueuedRequests: 100,
  maxQueuedTokens: 100_000,
  prefixCache: true,
};

export function schedulerWith(options: Partial<SchedulerOptions> = {}): Scheduler {
  return new Scheduler({ ...ROOMY, ...options });
}

/** `length` tokens, the same ones for the same seed. */
export function tokensOf(length: number, seed = 0): Uint32Array {
  return Uint32Array.from({ length }, (_, i) => i * 7 + seed);
}

export function add(
  scheduler: Scheduler,
  id: string,
  { prompt = 8, seed = 0, maxTokens = 100, mixtureKey = "", rewinds = false } = {},
): Sequence {
  const promptTokens = tokensOf(prompt, seed);
  return scheduler.add({ id, promptTokens, maxTokens, mixtureKey, rewinds });
}

/** Draws the same token everywhere, as many as the plan asks for. */
export function drawAll({ prefills, decodes, burst }: StepPlan): Map<Sequence, number[]> {
  const results = new Map<Sequence, number[]>();
  for (const { sequence, last } of prefills) if (last) results.set(sequence, [5]);
  for (const sequence of decodes) {
    results.set(sequence, new Array(Math.min(burst, sequence.remaining)).fill(5));
  }
  return results;
}

/** Plans, runs and books one step. */
export function step(scheduler: Scheduler): StepPlan {
  const plan = scheduler.schedule();
  assert.ok(plan, "there is nothing to do");
  scheduler.commit(plan, drawAll(plan));
  scheduler.checkIntegrity();
  return plan;
}

/** Steps until the sequence has all its tokens, then finishes it. */
export function runToEnd(scheduler: Scheduler, sequence: Sequence): void {
  for (let steps = 0; sequence.remaining > 0; steps++) {
    assert.ok(steps < 2000, `"${sequence.id}" does not end`);
    step(scheduler);
  }
  scheduler.finish(sequence);
  scheduler.checkIntegrity();
}

/** For `assert.throws`: an error of this code whose message matches. */
export function weftError(
  code: WeftError["code"],
  message: RegExp,
  { retryAfterSeconds }: WeftErrorOptions = {},
): (error: unknown) => true {
  return (error) => {
    assert.ok(error instanceof WeftError);
    assert.equal(error.code, code);
    assert.match(error.message, message);
    assert.equal(error.retryAfterSeconds, retryAfterSeconds);
    return true;
  };
}

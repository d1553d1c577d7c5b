import assert from "node:assert/strict";
import { add, schedulerWith, step, weftError } from "./harness.ts";

Deno.test("a request that could never run is refused, and leaves no trace", () => {
  const scheduler = schedulerWith({ maxModelLen: 64, numBlocks: 3 });
  const refused = (message: RegExp) => weftError("invalid_request", message);
  assert.throws(() => add(scheduler, "a", { prompt: 0 }), refused(/"a": the prompt is empty/));
  assert.throws(() => add(scheduler, "a", { maxTokens: 0 }), refused(/maxTokens is 0/));
  assert.throws(() => add(scheduler, "a", { maxTokens: NaN }), refused(/maxTokens is NaN/));
  assert.throws(() => add(scheduler, "a", { prompt: 64 }), refused(/64 tokens .* context of 64/));
  assert.throws(() => add(scheduler, "a", { prompt: 49 }), refused(/needs 4 KV blocks.* are 3/));
  add(scheduler, "a", { prompt: 48 });
  assert.throws(() => add(scheduler, "a"), refused(/"a": the id is in use/));
  scheduler.abort("a");
  add(scheduler, "a");
  scheduler.checkIntegrity();
});

Deno.test("a full queue refuses by number of requests and says when to come back", () => {
  const scheduler = schedulerWith({ maxBatch: 1, maxQueuedRequests: 2 });
  add(scheduler, "a");
  add(scheduler, "b");
  const full = weftError("overloaded", /2 of at most 2 requests/, { retryAfterSeconds: 1 });
  assert.throws(() => add(scheduler, "c"), full);
  step(scheduler); // "a" has a row now
  add(scheduler, "c");
  assert.throws(() => add(scheduler, "d"), full);
  scheduler.abort("b");
  add(scheduler, "d");
});

Deno.test("a full queue refuses by tokens, but an empty one takes any single request", () => {
  const scheduler = schedulerWith({ maxBatch: 1, maxQueuedTokens: 100 });
  add(scheduler, "large", { prompt: 300 });
  assert.throws(
    () => add(scheduler, "b", { prompt: 1 }),
    weftError("overloaded", /300 of at most 100 tokens/, { retryAfterSeconds: 1 }),
  );
  step(scheduler);
  add(scheduler, "b", { prompt: 60 });
  add(scheduler, "c", { prompt: 40 });
  assert.throws(
    () => add(scheduler, "d", { prompt: 1 }),
    weftError("overloaded", /100 of at most 100 tokens/, { retryAfterSeconds: 1 }),
  );
  assert.equal(scheduler.stats.waitingTokens, 100);
});

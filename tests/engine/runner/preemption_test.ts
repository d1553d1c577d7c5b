import assert from "node:assert/strict";
import type { GenerateRequest } from "../../../engine/core/generation.ts";
import { type TestRunner, withRunner } from "./harness.ts";
import { readLoraFixture } from "./lora_fixture.ts";

/** Bytes of one KV block of the fixtures' Llama in f32: keys and values, layers, heads, tokens, width. */
const BLOCK_BYTES = 2 * 3 * 2 * 16 * 16 * 4;
/** One sequence of 128 tokens and half another. */
const TINY = { maxModelLen: 128, kvMemoryBytes: 12 * BLOCK_BYTES };

type Request = Partial<GenerateRequest> & { id: string; promptTokens: Uint32Array };

async function runAll(test: TestRunner, requests: readonly Request[]): Promise<number[][]> {
  for (const request of requests) test.submit(request);
  await test.drain();
  return requests.map(({ id }) => {
    const { error, finished, tokens } = test.outcomes.get(id)!;
    assert.equal(error, null);
    assert.equal(finished?.reason, "length");
    return tokens;
  });
}

for (const prefixCache of [true, false]) {
  const cache = prefixCache ? "with" : "without";
  for (const prefillTokens of [512, 5]) {
    Deno.test(`requests preempted for want of blocks draw their solo runs' greedy tokens, ${cache} prefix cache, ${prefillTokens} prompt tokens a step`, async () => {
      const { base, adapters, rows } = await readLoraFixture();
      await withRunner(
        base,
        { adapters, sizing: TINY, prefixCache, prefillTokens },
        async (test) => {
          const requests = [...rows, ...rows].map(({ prompt, mixture }, i) => ({
            id: `${i}`,
            promptTokens: prompt,
            mixture,
            maxTokens: 64,
          }));
          const tokens = await runAll(test, requests);
          requests.forEach((_, i) =>
            assert.deepEqual(tokens[i], rows[i % rows.length].greedy, `request ${i}`)
          );
          const { preemptions, running, waiting, usedBlocks } = test.scheduler.stats;
          assert.ok(preemptions > 0, "nothing was preempted");
          assert.deepEqual({ running, waiting, usedBlocks }, {
            running: 0,
            waiting: 0,
            usedBlocks: 0,
          });
          assert.deepEqual(test.pool.stats().pinned, []);
        },
      );
    });
  }
}

Deno.test("a preempted request reports its start once, and its tokens without gap or repetition", async () => {
  const { base, adapters, rows } = await readLoraFixture();
  await withRunner(base, { adapters, sizing: TINY }, async (test) => {
    const requests = rows.map(({ prompt, mixture }, i) => ({
      id: `${i}`,
      promptTokens: prompt,
      mixture,
      maxTokens: 64,
    }));
    await runAll(test, requests);
    assert.ok(test.scheduler.stats.preemptions > 0);
    for (const { events } of test.outcomes.values()) {
      assert.deepEqual(
        [events[0].kind, events.at(-1)!.kind],
        ["started", "finished"],
      );
      assert.ok(events.slice(1, -1).every(({ kind }) => kind === "tokens"));
    }
  });
});

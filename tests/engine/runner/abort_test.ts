import assert from "node:assert/strict";
import { type TestRunner, withRunner } from "./harness.ts";
import { readLoraFixture } from "./lora_fixture.ts";

const LONG = Uint32Array.from({ length: 200 }, (_, i) => 3 + (i * 37) % 250);

/** Nothing is held for a request that was aborted, and it ended as such, once. */
function assertGone(test: TestRunner, id: string): void {
  const { events, error, finished } = test.outcomes.get(id)!;
  assert.equal(error, null);
  assert.equal(finished?.reason, "abort");
  assert.equal(events.filter(({ kind }) => kind === "finished").length, 1);
  const { running, waiting, waitingTokens, usedBlocks } = test.scheduler.stats;
  assert.deepEqual({ running, waiting, waitingTokens, usedBlocks }, {
    running: 0,
    waiting: 0,
    waitingTokens: 0,
    usedBlocks: 0,
  });
  assert.deepEqual(test.pool.stats().pinned, []);
  assert.equal(test.runner.size, 0);
  test.runner.checkIntegrity();
}

/** When a request is aborted, and what must have happened by then. */
const MOMENTS: Record<string, (test: TestRunner) => Promise<void>> = {
  "between submit and the first step": async () => {},
  "during prefill": async (test) => {
    for (let i = 0; i < 4; i++) await test.runner.step();
    const { events } = test.outcomes.get("it")!;
    assert.deepEqual(events.map(({ kind }) => kind), ["started"]);
  },
  "during decode": async (test) => {
    while (test.outcomes.get("it")!.tokens.length < 5) await test.runner.step();
  },
};

for (const [moment, reach] of Object.entries(MOMENTS)) {
  for (const timing of ["between steps", "while a step is on the GPU"] as const) {
    Deno.test(`an abort ${moment}, ${timing}, frees blocks and adapters within one step`, async () => {
      const { base, adapters, rows } = await readLoraFixture();
      await withRunner(base, { adapters, prefillTokens: 40 }, async (test) => {
        // The adapter is there already, so that each step does what it seems to do.
        const { mixture } = rows[5];
        test.submit({ id: "warm", promptTokens: Uint32Array.of(1), mixture, maxTokens: 1 });
        await test.drain();
        test.submit({ id: "it", promptTokens: LONG, mixture, maxTokens: 50 });
        await reach(test);
        if (timing === "between steps") {
          test.runner.abort("it");
        } else {
          const step = test.runner.step();
          test.runner.abort("it");
          await step;
        }
        assertGone(test, "it");
        test.runner.abort("it");
        test.runner.abort("never there");
        assert.equal(await test.runner.step(), false);
        assertGone(test, "it");
      });
    });
  }
}

Deno.test("an abort before admission takes the request from the queue and leaves the others alone", async () => {
  const { base, rows } = await readLoraFixture();
  await withRunner(base, { sizing: { maxBatch: 1 } }, async (test) => {
    const { prompt, greedy } = rows[0];
    test.submit({ id: "runs", promptTokens: prompt, maxTokens: 40 });
    test.submit({ id: "waits", promptTokens: LONG });
    test.submit({ id: "waits too", promptTokens: prompt, maxTokens: 5 });
    await test.runner.step();
    assert.equal(test.scheduler.stats.waiting, 2);
    test.runner.abort("waits");
    assert.equal(test.outcomes.get("waits")!.finished?.reason, "abort");
    assert.deepEqual(test.outcomes.get("waits")!.tokens, []);
    await test.drain();
    assert.deepEqual(test.outcomes.get("runs")!.tokens, greedy.slice(0, 40));
    assert.deepEqual(test.outcomes.get("waits too")!.tokens, greedy.slice(0, 5));
  });
});

Deno.test("an abort while the adapter is fetched ends the request; what arrives later is not kept", async () => {
  const { base, adapters, rows } = await readLoraFixture();
  const { mixture } = rows[5];
  const [{ generation }] = mixture;
  const withheld = new Set([generation]);
  await withRunner(base, { adapters, withheld }, async (test) => {
    test.submit({ id: "it", promptTokens: LONG, mixture });
    assert.equal(await test.runner.step(), false);
    test.runner.abort("it");
    assertGone(test, "it");
    test.bring(generation);
    assert.equal(await test.runner.step(), false);
    assert.deepEqual(test.pool.stats().resident, []);
  });
});

Deno.test("an id can be used again as soon as its request was aborted", async () => {
  const { base, rows } = await readLoraFixture();
  await withRunner(base, {}, async (test) => {
    const { prompt, greedy } = rows[0];
    test.submit({ id: "it", promptTokens: LONG });
    await test.runner.step();
    test.runner.abort("it");
    test.submit({ id: "it", promptTokens: prompt, maxTokens: 10 });
    await test.drain();
    assert.deepEqual(test.outcomes.get("it")!.tokens, greedy.slice(0, 10));
  });
});

Deno.test("aborting half of a full batch at random moments disturbs nobody else", async () => {
  const { base, adapters, rows } = await readLoraFixture();
  await withRunner(base, { adapters, prefillTokens: 16 }, async (test) => {
    for (let round = 0; round < 3; round++) {
      for (const [i, { prompt, mixture }] of rows.entries()) {
        const request = { promptTokens: prompt, mixture, maxTokens: 30 };
        test.submit({ id: `${round} ${i} stays`, ...request });
        test.submit({ id: `${round} ${i} goes`, ...request });
      }
      for (const i of rows.keys()) {
        for (let step = 0; step < (i * 7 + round * 3) % 4; step++) await test.runner.step();
        test.runner.abort(`${round} ${i} goes`);
      }
      await test.drain();
      for (const [i, { greedy }] of rows.entries()) {
        assert.deepEqual(test.outcomes.get(`${round} ${i} stays`)!.tokens, greedy.slice(0, 30));
        const { tokens, finished } = test.outcomes.get(`${round} ${i} goes`)!;
        assert.ok(finished);
        assert.deepEqual(tokens, greedy.slice(0, tokens.length));
      }
    }
    assert.deepEqual(test.pool.stats().pinned, []);
    assert.equal(test.scheduler.stats.usedBlocks, 0);
  });
});

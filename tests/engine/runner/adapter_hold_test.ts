import assert from "node:assert/strict";
import type { AdapterWeights } from "../../../engine/core/adapter_weights.ts";
import type { Mixture } from "../../../engine/core/generation.ts";
import { readModelConfig } from "../../../engine/loader/mod.ts";
import { type TestRunner, withRunner } from "./harness.ts";
import { MODELS } from "./lora_fixture.ts";
import { syntheticAdapter } from "./synthetic_adapter.ts";

const MODEL = `${MODELS}llama`;
const PROMPT = Uint32Array.of(1, 50, 60, 70);
/** Room for four adapters, of 16 rank rows on average. */
const FOUR = { maxAdapters: 4, maxLoraRank: 16 };

async function adaptersOf(ranks: Record<string, number>): Promise<Map<string, AdapterWeights>> {
  const config = await readModelConfig(MODEL);
  return new Map(
    Object.entries(ranks).map(([generation, rank]) => [
      generation,
      syntheticAdapter(config, { generation, rank }),
    ]),
  );
}

function mix(...generations: string[]): Mixture {
  return generations.map((generation) => ({ generation, weight: 0.5 }));
}

/** Steps until nothing moves any more. */
async function settle(test: TestRunner): Promise<void> {
  for (let idle = 0; idle < 3;) {
    idle = await test.runner.step() ? 0 : idle + 1;
    await new Promise((resolve) => setImmediate(resolve));
  }
  test.runner.checkIntegrity();
}

Deno.test("a held adapter comes onto the GPU unasked and stays while others come and go", async () => {
  const adapters = await adaptersOf({ a: 8, b: 8, c: 8, d: 8, e: 8, f: 8 });
  await withRunner(MODEL, { adapters, sizing: FOUR }, async (test) => {
    test.runner.hold(1, "a");
    await settle(test);
    assert.equal(test.held.get(1), null);
    assert.deepEqual(test.pool.stats().held, ["a"]);
    assert.deepEqual(test.pool.stats().pinned, []);
    for (const name of ["b", "c", "d", "e", "f", "b"]) {
      test.submit({ id: name, promptTokens: PROMPT, mixture: mix(name), maxTokens: 2 });
      await test.drain();
    }
    assert.ok(test.pool.has("a"));
    // A request for it finds it there.
    const { hits } = test.runner.adapterLookups;
    test.submit({ id: "a", promptTokens: PROMPT, mixture: mix("a"), maxTokens: 2 });
    await test.drain();
    assert.equal(test.runner.adapterLookups.hits, hits + 1);
    test.runner.unhold(1);
    for (const name of ["c", "d", "e", "f"]) {
      test.submit({ id: name, promptTokens: PROMPT, mixture: mix(name), maxTokens: 2 });
      await test.drain();
    }
    assert.ok(!test.pool.has("a"));
    assert.deepEqual(test.pool.stats().held, []);
  });
});

Deno.test("several holds of one adapter bring it once, and the last one lets it go", async () => {
  const adapters = await adaptersOf({ a: 8 });
  await withRunner(MODEL, { adapters, sizing: FOUR }, async (test) => {
    for (const id of [1, 2]) test.runner.hold(id, "a");
    await settle(test);
    test.runner.hold(3, "a");
    await settle(test);
    assert.deepEqual([...test.held], [[1, null], [2, null], [3, null]]);
    assert.deepEqual(test.asked, ["a"]);
    for (const id of [1, 1, 3]) test.runner.unhold(id);
    assert.deepEqual(test.pool.stats().held, ["a"]);
    test.runner.unhold(2);
    assert.deepEqual(test.pool.stats().held, []);
  });
});

Deno.test("a hold beyond half of the pool is refused as gpu_full, and what is held stays", async () => {
  const adapters = await adaptersOf({ a: 16, b: 16, c: 1, wide: 16, high: 17 });
  await withRunner(MODEL, { adapters, sizing: FOUR }, async (test) => {
    for (const [id, name] of ["a", "b", "c", "high", "missing"].entries()) {
      test.runner.hold(id, name);
    }
    await settle(test);
    const told = [0, 1, 2, 3, 4].map((id) => test.held.get(id)?.code ?? test.held.get(id));
    assert.deepEqual(told, [null, null, "overloaded", "bad_adapter", "bad_adapter"]);
    assert.equal(test.held.get(2)!.reason, "gpu_full");
    assert.deepEqual(test.pool.stats().held.sort(), ["a", "b"]);
    test.runner.unhold(0);
    test.runner.hold(5, "c");
    await settle(test);
    assert.equal(test.held.get(5), null);
  });
});

Deno.test("a hold waits while requests need the room, and takes it when they end", async () => {
  const adapters = await adaptersOf({ a: 8, b: 8, c: 8, d: 8, e: 8, held: 8 });
  await withRunner(MODEL, { adapters, sizing: FOUR }, async (test) => {
    for (const name of ["a", "b", "c", "d"]) {
      test.submit({ id: name, promptTokens: PROMPT, mixture: mix(name), maxTokens: 40 });
    }
    await test.runner.step();
    await test.runner.step();
    test.runner.hold(1, "held");
    test.submit({ id: "e", promptTokens: PROMPT, mixture: mix("e"), maxTokens: 4 });
    for (let i = 0; i < 5; i++) await test.runner.step();
    assert.equal(test.held.has(1), false);
    assert.equal(test.outcomes.get("e")!.finished, null);
    // One place becomes free: it is the request's.
    test.runner.abort("a");
    while (!test.outcomes.get("e")!.finished) {
      assert.equal(test.held.has(1), false);
      await test.runner.step();
    }
    await test.drain();
    await settle(test);
    assert.equal(test.held.get(1), null);
  });
});

Deno.test("a mixture that could never fit beside what is held displaces it for as long as it runs", async () => {
  const adapters = await adaptersOf({ a: 8, b: 8, c: 8, d: 8, held: 8, too: 8 });
  await withRunner(MODEL, { adapters, sizing: FOUR }, async (test) => {
    test.runner.hold(1, "held");
    test.runner.hold(2, "too");
    await settle(test);
    const mixture = mix("a", "b", "c");
    test.submit({ id: "it", promptTokens: PROMPT, mixture, maxTokens: 30 });
    for (let i = 0; i < 4; i++) {
      await test.runner.step();
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(test.outcomes.get("it")!.finished, null);
    assert.equal(test.pool.stats().held.length, 1);
    await test.drain();
    await settle(test);
    assert.deepEqual(test.pool.stats().held.sort(), ["held", "too"]);
    assert.deepEqual([...test.held], [[1, null], [2, null]]);
  });
});

Deno.test("a hold that is given up on the way leaves nothing, unless a request wants the same", async () => {
  const adapters = await adaptersOf({ a: 8 });
  for (const wanted of [false, true]) {
    let now = 0;
    const options = { adapters, sizing: FOUR, partBytes: 1, now: () => now++ };
    await withRunner(MODEL, options, async (test) => {
      test.submit({ id: "decodes", promptTokens: PROMPT, maxTokens: 60 });
      test.runner.hold(1, "a");
      for (let i = 0; i < 4; i++) await test.runner.step();
      const reached = test.pool.missing("a");
      assert.ok(reached! > 0);
      if (wanted) {
        test.submit({ id: "it", promptTokens: PROMPT, mixture: mix("a"), maxTokens: 2 });
      }
      test.runner.unhold(1);
      assert.equal(test.pool.missing("a"), wanted ? reached : null);
      await test.drain();
      assert.equal(test.pool.stats().loads, wanted ? 1 : 0);
      assert.equal(test.held.size, 0);
    });
  }
});

import assert from "node:assert/strict";
import type { AdapterWeights } from "../../../engine/core/adapter_weights.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import type { Mixture } from "../../../engine/core/generation.ts";
import { readModelConfig } from "../../../engine/loader/mod.ts";
import { withRunner } from "./harness.ts";
import { MODELS, readLoraFixture } from "./lora_fixture.ts";
import { syntheticAdapter } from "./synthetic_adapter.ts";

const MODEL = `${MODELS}llama`;
const PROMPT = Uint32Array.of(1, 50, 60, 70);
const TWO = { maxAdapters: 2, maxLoraRank: 16 };

/** Adapters "a", "b", … of rank 8. */
async function letters(count: number): Promise<Map<string, AdapterWeights>> {
  const config = await readModelConfig(MODEL);
  return new Map(Array.from({ length: count }, (_, i) => {
    const generation = String.fromCharCode(97 + i);
    return [generation, syntheticAdapter(config, { generation, rank: 8 })];
  }));
}

function mix(...generations: string[]): Mixture {
  return generations.map((generation, i) => ({ generation, weight: 1 / (i + 1) }));
}

Deno.test("mixtures of two over six adapters on room for two all get their own tokens", async () => {
  const adapters = await letters(6);
  const mixtures = ["ab", "cd", "ef", "bc", "de", "fa", "ac", "bd", "ce", "df", "ea", "fb"]
    .map((names) => mix(...names));
  const alone: number[][] = [];
  await withRunner(MODEL, { adapters, prefixCache: false }, async (test) => {
    for (const [i, mixture] of mixtures.entries()) {
      test.submit({ id: `${i}`, promptTokens: PROMPT, mixture, maxTokens: 24 });
      await test.drain();
      alone.push(test.outcomes.get(`${i}`)!.tokens);
    }
  });
  assert.equal(new Set(alone.map(String)).size, mixtures.length, "mixtures do not differ");
  await withRunner(MODEL, { adapters, sizing: TWO }, async (test) => {
    for (const [i, mixture] of mixtures.entries()) {
      test.submit({ id: `${i}`, promptTokens: PROMPT, mixture, maxTokens: 24 });
    }
    await test.drain();
    mixtures.forEach((_, i) => assert.deepEqual(test.outcomes.get(`${i}`)!.tokens, alone[i]));
    const { resident, pinned, loads, evictions } = test.pool.stats();
    assert.equal(resident.length, 2);
    assert.deepEqual(pinned, []);
    assert.equal(loads - evictions, 2);
    assert.ok(evictions >= 4, `${evictions} evictions`);
  });
});

Deno.test("an adapter that cannot be loaded fails the requests that need it and no other", async () => {
  const adapters = await letters(2);
  await withRunner(MODEL, { adapters }, async (test) => {
    const requests: Record<string, Mixture> = {
      "base": [],
      "a": mix("a"),
      "missing": mix("missing"),
      "missing beside a": mix("a", "missing"),
      "missing twice": mix("missing"),
    };
    for (const [id, mixture] of Object.entries(requests)) {
      test.submit({ id, promptTokens: PROMPT, mixture });
    }
    await test.drain();
    for (const id of Object.keys(requests)) {
      const { error, finished } = test.outcomes.get(id)!;
      if (id.startsWith("missing")) assert.equal(error?.code, "bad_adapter", id);
      else assert.equal(finished?.reason, "length", id);
    }
    assert.deepEqual(test.pool.stats().pinned, []);
    // A later request asks for it anew.
    test.submit({ id: "again", promptTokens: PROMPT, mixture: mix("missing") });
    await test.drain();
    assert.equal(test.outcomes.get("again")!.error?.code, "bad_adapter");
  });
});

Deno.test("an adapter of too high a rank fails its requests as a bad adapter", async () => {
  const config = await readModelConfig(MODEL);
  const adapters = await letters(1);
  adapters.set("high", syntheticAdapter(config, { generation: "high", rank: 17 }));
  await withRunner(MODEL, { adapters, sizing: TWO }, async (test) => {
    test.submit({ id: "high", promptTokens: PROMPT, mixture: mix("high") });
    test.submit({ id: "with a", promptTokens: PROMPT, mixture: mix("a", "high") });
    test.submit({ id: "a", promptTokens: PROMPT, mixture: mix("a") });
    await test.drain();
    for (const id of ["high", "with a"]) {
      const { error } = test.outcomes.get(id)!;
      assert.equal(error?.code, "bad_adapter");
      assert.match(error!.message, /rank 17 exceeds the configured maximum 16/);
    }
    assert.equal(test.outcomes.get("a")!.finished?.reason, "length");
    assert.deepEqual(test.pool.stats().resident, ["a"]);
  });
});

Deno.test("a mixture that can never be on the GPU at once fails as unsupported, the others run", async () => {
  const adapters = await letters(3);
  await withRunner(MODEL, { adapters, sizing: TWO }, async (test) => {
    test.submit({ id: "three", promptTokens: PROMPT, mixture: mix("a", "b", "c") });
    test.submit({ id: "two", promptTokens: PROMPT, mixture: mix("a", "b") });
    await test.drain();
    const { error } = test.outcomes.get("three")!;
    assert.equal(error?.code, "unsupported");
    assert.match(error!.message, /3 adapters together.*at most 2/);
    assert.equal(test.outcomes.get("two")!.finished?.reason, "length");
  });
});

Deno.test("a request that waits for its adapter is overtaken by the base and by adapters that are here", async () => {
  const adapters = await letters(2);
  await withRunner(MODEL, { adapters, withheld: new Set(["a"]) }, async (test) => {
    test.submit({ id: "waits", promptTokens: PROMPT, mixture: mix("a") });
    test.submit({ id: "base", promptTokens: PROMPT });
    test.submit({ id: "b", promptTokens: PROMPT, mixture: mix("b") });
    while (await test.runner.step()) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(test.outcomes.get("base")!.finished?.reason, "length");
    assert.equal(test.outcomes.get("b")!.finished?.reason, "length");
    assert.deepEqual(test.outcomes.get("waits")!.events, []);
    test.bring("a");
    await test.drain();
    assert.equal(test.outcomes.get("waits")!.finished?.reason, "length");
  });
});

Deno.test("a stream of requests for one adapter does not starve one that needs its room", async () => {
  const adapters = await letters(2);
  await withRunner(MODEL, { adapters, sizing: { ...TWO, maxAdapters: 1 } }, async (test) => {
    let sent = 0;
    const stream = () =>
      test.submit({ id: `a ${sent++}`, promptTokens: PROMPT, mixture: mix("a"), maxTokens: 8 });
    stream();
    await test.runner.step();
    test.submit({ id: "b", promptTokens: PROMPT, mixture: mix("b"), maxTokens: 8 });
    let steps = 0;
    for (; !test.outcomes.get("b")!.finished; steps++) {
      if (test.runner.size < 4) stream();
      await test.runner.step();
      assert.ok(steps < 200, "the request starves");
    }
    assert.ok(sent > 5, "it was not overtaken for a while");
    await test.drain();
    for (const { finished } of test.outcomes.values()) assert.equal(finished?.reason, "length");
  });
});

Deno.test("an adapter that makes no numbers fails its own row; its blocks are clean for the next", async () => {
  const { base, adapters, rows } = await readLoraFixture();
  const sizing = { maxModelLen: 64, maxBatch: 2, kvMemoryBytes: 6 * 12288 };
  await withRunner(base, { adapters, sizing }, async (test) => {
    for (let round = 0; round < 2; round++) {
      const mixture = rows[5].mixture.map((entry) => ({ ...entry, weight: 1e30 }));
      const wild = Uint32Array.from({ length: 60 }, (_, i) => i + round);
      test.submit({ id: "wild", promptTokens: wild, mixture, maxTokens: 4 });
      test.submit({ id: "neighbour", promptTokens: rows[0].prompt, maxTokens: 20 });
      await test.drain();
      const { error } = test.outcomes.get("wild")!;
      assert.ok(error instanceof WeftError);
      assert.equal(error.code, "internal");
      assert.match(error.message, /not numbers/);
      assert.deepEqual(test.outcomes.get("neighbour")!.tokens, rows[0].greedy.slice(0, 20));
      // These take the blocks where the NaNs were.
      for (const i of [0, 4]) {
        const { prompt } = rows[i];
        test.submit({ id: `${i}`, promptTokens: prompt, maxTokens: 20 });
      }
      await test.drain();
      for (const i of [0, 4]) {
        assert.deepEqual(test.outcomes.get(`${i}`)!.tokens, rows[i].greedy.slice(0, 20));
      }
    }
  });
});

Deno.test("a long queue asks for few adapters ahead of their turn, and all of them in the end", async () => {
  const config = await readModelConfig(MODEL);
  const names = Array.from({ length: 50 }, (_, i) => `adapter ${i}`);
  const adapters = new Map(
    names.map((generation) => [generation, syntheticAdapter(config, { generation, rank: 1 })]),
  );
  const first = new Set(["adapter 0"]);
  await withRunner(MODEL, { adapters, sizing: TWO, withheld: first }, async (test) => {
    for (const name of names) {
      test.submit({ id: name, promptTokens: PROMPT, mixture: mix(name), maxTokens: 2 });
    }
    await test.runner.step();
    assert.equal(test.asked.length, 32);
    // The oldest's adapter is slow; nobody waits for it who need not.
    for (let step = 0; step < 400 && test.runner.size > 1; step++) {
      await new Promise((resolve) => setImmediate(resolve));
      await test.runner.step();
    }
    assert.equal(test.runner.size, 1);
    test.bring("adapter 0");
    await test.drain();
    assert.deepEqual(test.asked.toSorted(), names.toSorted());
    for (const { finished } of test.outcomes.values()) assert.equal(finished?.reason, "length");
  });
});

Deno.test("an adapter with values beyond f16 is refused where weights are f16, and served in f32", async () => {
  const config = await readModelConfig(MODEL);
  const wide = syntheticAdapter(config, { generation: "wide", rank: 2 });
  wide.modules[3].b[5] = 70_000;
  const adapters = new Map([["wide", wide]]);
  await withRunner(MODEL, { adapters, dtype: "f16" }, async (test) => {
    test.submit({ id: "it", promptTokens: PROMPT, mixture: mix("wide") });
    await test.drain();
    const { error } = test.outcomes.get("it")!;
    assert.equal(error?.code, "bad_adapter");
    assert.match(error!.message, /v_proj of layer 1 holds 70000.*--dtype f32/);
  });
  await withRunner(MODEL, { adapters, dtype: "f32" }, async (test) => {
    test.submit({ id: "it", promptTokens: PROMPT, mixture: mix("wide") });
    await test.drain();
    assert.equal(test.outcomes.get("it")!.finished?.reason, "length");
  });
});

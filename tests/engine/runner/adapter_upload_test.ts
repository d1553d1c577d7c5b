import assert from "node:assert/strict";
import { cutPart } from "../../../engine/core/adapter_part.ts";
import { type AdapterWeights, PROJECTIONS } from "../../../engine/core/adapter_weights.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import type { Mixture } from "../../../engine/core/generation.ts";
import { readModelConfig } from "../../../engine/loader/mod.ts";
import { type TestRunner, withRunner } from "./harness.ts";
import { MODELS, readLoraFixture } from "./lora_fixture.ts";
import { syntheticAdapter } from "./synthetic_adapter.ts";

const MODEL = `${MODELS}llama`;
const PROMPT = Uint32Array.of(1, 50, 60, 70);

/** Adapters of rank 64 in every module: as large as they may be. */
async function large(...generations: string[]): Promise<Map<string, AdapterWeights>> {
  const config = await readModelConfig(MODEL);
  const all = { rank: 64, magnitude: 0.02, projections: PROJECTIONS };
  return new Map(generations.map((generation) => [
    generation,
    syntheticAdapter(config, { ...all, generation }),
  ]));
}

function only(generation: string): Mixture {
  return [{ generation, weight: 1 }];
}

/** A clock that stands still but for what a test lets things take. */
function clockOf(test: TestRunner, clock: { ms: number }, takes: { write: number; token: number }) {
  const { pool, decoder } = test;
  const [write, run] = [pool.write.bind(pool), decoder.run.bind(decoder)];
  pool.write = (generation, module) => {
    write(generation, module);
    clock.ms += takes.write;
  };
  decoder.run = async (input) => {
    clock.ms += takes.token * input.burst;
    return await run(input);
  };
}

/** Counts modules written before each step of a row that decodes. */
async function slicesOf(test: TestRunner, generation: string): Promise<number[]> {
  const slices: number[] = [];
  let before = 0;
  while (!test.pool.has(generation)) {
    await test.runner.step();
    await new Promise((resolve) => setImmediate(resolve));
    const now = test.pool.missing(generation) ?? (test.pool.has(generation) ? Infinity : 0);
    slices.push(now - before);
    before = now;
    assert.ok(slices.length < 200, "the upload does not end");
  }
  return slices;
}

Deno.test("a batch of mixtures draws its solo runs' tokens while large adapters are uploaded beside it", async () => {
  const { base, adapters: small, rows } = await readLoraFixture();
  const adapters = new Map([...small, ...await large("x", "y", "z")]);
  // Two modules a part, and a clock by which each one takes a slice of its own.
  let now = 0;
  const options = { adapters, partBytes: 100_000, now: () => now++, prefixCache: false };
  await withRunner(base, options, async (test) => {
    for (const [i, { prompt, mixture }] of rows.entries()) {
      test.submit({ id: `${i}`, promptTokens: prompt, mixture, maxTokens: 48 });
    }
    for (const name of ["x", "y", "z"]) {
      test.submit({ id: name, promptTokens: PROMPT, mixture: only(name), maxTokens: 4 });
    }
    let beside = 0;
    while (test.runner.size > 0) {
      await test.runner.step();
      await new Promise((resolve) => setImmediate(resolve));
      if (["x", "y", "z"].some((name) => test.pool.missing(name) !== null)) beside++;
    }
    assert.ok(beside > 20, `only ${beside} steps had an upload beside them`);
    for (const [i, { greedy }] of rows.entries()) {
      assert.deepEqual(test.outcomes.get(`${i}`)!.tokens, greedy.slice(0, 48), `row ${i}`);
    }
    // And what came in slices is what would have come at once.
    const sliced = ["x", "y", "z"].map((name) => test.outcomes.get(name)!.tokens);
    await withRunner(base, { adapters, prefixCache: false }, async (whole) => {
      for (const [i, name] of ["x", "y", "z"].entries()) {
        whole.submit({ id: name, promptTokens: PROMPT, mixture: only(name), maxTokens: 4 });
        await whole.drain();
        assert.deepEqual(sliced[i], whole.outcomes.get(name)!.tokens, name);
      }
    });
  });
});

for (const [token, write, most] of [[5, 2, 2], [5, 7, 1], [0, 0.25, 4], [40, 2, 20]]) {
  Deno.test(`with tokens of ${token} ms and modules of ${write} ms a slice is ${most} modules`, async () => {
    const adapters = await large("x");
    const clock = { ms: 0 };
    await withRunner(MODEL, { adapters, now: () => clock.ms }, async (test) => {
      clockOf(test, clock, { write, token });
      test.submit({ id: "decodes", promptTokens: PROMPT, maxTokens: 240 });
      for (let i = 0; i < 3; i++) await test.runner.step();
      test.submit({ id: "it", promptTokens: PROMPT, mixture: only("x"), maxTokens: 1 });
      const slices = await slicesOf(test, "x");
      const { modules } = adapters.get("x")!;
      const full = Math.ceil(modules.length / most) - 1;
      const written = slices.filter((count) => count > 0);
      assert.deepEqual(written, [...Array(full).fill(most), Infinity]);
      assert.equal(test.outcomes.get("decodes")!.finished, null);
    });
  });
}

Deno.test("where nobody decodes an upload goes on at once, a few megabytes at a time", async () => {
  const generations = Array.from({ length: 8 }, (_, i) => `x${i}`);
  const adapters = await large(...generations);
  const bytes = adapters.get("x0")!.modules.reduce((n, { a, b }) => n + a.length + b.length, 0) * 4;
  await withRunner(MODEL, { adapters }, async (test) => {
    const mixture = generations.map((generation) => ({ generation, weight: 0.1 }));
    const passes = Math.ceil(8 * bytes / 2 ** 22);
    assert.ok(passes > 1);
    test.submit({ id: "it", promptTokens: PROMPT, mixture, maxTokens: 1 });
    assert.equal(await test.runner.step(), false);
    for (let pass = 1; pass < passes; pass++) assert.equal(await test.runner.step(), true);
    assert.equal(await test.runner.step(), true);
    assert.equal(test.outcomes.get("it")!.finished?.reason, "length");
  });
});

Deno.test("the last request to give a half uploaded adapter up drops it; before that it stays", async () => {
  const adapters = await large("x");
  const clock = { ms: 0 };
  await withRunner(MODEL, { adapters, now: () => clock.ms }, async (test) => {
    clockOf(test, clock, { write: 9, token: 5 });
    test.submit({ id: "decodes", promptTokens: PROMPT, maxTokens: 240 });
    for (let i = 0; i < 3; i++) await test.runner.step();
    for (const id of ["first", "second"]) {
      test.submit({ id, promptTokens: PROMPT, mixture: only("x"), maxTokens: 1 });
    }
    for (let i = 0; i < 5; i++) await test.runner.step();
    const reached = test.pool.missing("x")!;
    assert.ok(reached >= 3);
    test.runner.abort("first");
    assert.equal(test.pool.missing("x"), reached);
    test.runner.abort("second");
    assert.equal(test.pool.missing("x"), null);
    assert.equal(test.pool.stats().bytes, 0);
    test.runner.checkIntegrity();
    // It can come again, from its beginning.
    test.submit({ id: "third", promptTokens: PROMPT, mixture: only("x"), maxTokens: 1 });
    await test.drain();
    assert.equal(test.outcomes.get("third")!.finished?.reason, "length");
    const { loads, evictions } = test.pool.stats();
    assert.deepEqual({ loads, evictions }, { loads: 1, evictions: 0 });
  });
});

Deno.test("an adapter found bad in its last part fails who waits for it, and leaves no trace", async () => {
  const adapters = await large("x", "y");
  adapters.get("x")!.modules.at(-1)!.b[7] = -70_000;
  const options = { adapters, dtype: "f16", partBytes: 1 } as const;
  await withRunner(MODEL, options, async (test) => {
    const both = [...only("y"), ...only("x")];
    test.submit({ id: "decodes", promptTokens: PROMPT, maxTokens: 100 });
    test.submit({ id: "bad", promptTokens: PROMPT, mixture: only("x") });
    test.submit({ id: "beside a good one", promptTokens: PROMPT, mixture: both });
    test.runner.hold(1, "x");
    test.submit({ id: "good", promptTokens: PROMPT, mixture: only("y") });
    await test.drain();
    for (const id of ["bad", "beside a good one"]) {
      assert.equal(test.outcomes.get(id)!.error?.code, "bad_adapter", id);
      assert.match(test.outcomes.get(id)!.error!.message, /down_proj of layer 2 holds -70000/);
    }
    assert.equal(test.held.get(1)?.code, "bad_adapter");
    for (const id of ["decodes", "good"]) {
      assert.equal(test.outcomes.get(id)!.finished?.reason, "length", id);
    }
    const { resident, pinned, held } = test.pool.stats();
    assert.deepEqual({ resident, pinned, held }, { resident: ["y"], pinned: [], held: [] });
  });
});

Deno.test("an adapter that fails to come midway fails who waits for it, and leaves no trace", async () => {
  const adapters = await large("x");
  await withRunner(MODEL, { adapters, partBytes: 1, withheld: new Set(["x"]) }, async (test) => {
    test.submit({ id: "it", promptTokens: PROMPT, mixture: only("x") });
    await test.runner.step();
    test.runner.adapterArrived(cutPart(adapters.get("x")!, { from: 0, maxBytes: 1 }));
    await test.runner.step();
    assert.equal(test.pool.missing("x"), 1);
    const gone = new WeftError("unavailable", "it is gone");
    test.runner.adapterFailed({ generation: "x", from: 1 }, gone);
    assert.equal(test.outcomes.get("it")!.error, gone);
    assert.equal(test.pool.stats().bytes, 0);
    test.runner.checkIntegrity();
  });
});

Deno.test("parts that contradict the first one fail the adapter, not the engine", async () => {
  const adapters = await large("x");
  const weights = adapters.get("x")!;
  const cut = (from: number) => cutPart(weights, { from, maxBytes: 1 });
  const first = cut(0);
  const { header, starts } = first.whole!;
  const wrong = [
    [{ ...first, whole: undefined }],
    [{ ...first, modules: [] }],
    [{ ...first, whole: { header, starts: [0] } }],
    [{ ...first, whole: { header: { ...header, maxRank: 63 }, starts } }],
    [{ ...first, modules: cut(1).modules }],
    [first, { ...cut(1), modules: [...cut(1).modules, ...cut(2).modules] }],
    [first, { ...cut(1), modules: [{ ...cut(1).modules[0], rank: 32 }] }],
    [first, { ...cut(1), modules: [{ ...cut(1).modules[0], b: new Float32Array(9999) }] }],
  ];
  await withRunner(MODEL, { adapters, withheld: new Set(["x"]) }, async (test) => {
    for (const [i, parts] of wrong.entries()) {
      test.submit({ id: `${i}`, promptTokens: PROMPT, mixture: only("x") });
      for (const part of parts) {
        await test.runner.step();
        test.runner.adapterArrived(part);
      }
      await test.runner.step();
      assert.equal(test.outcomes.get(`${i}`)!.error?.code, "internal", `case ${i}`);
      assert.equal(test.pool.stats().bytes, 0);
      assert.equal(test.runner.size, 0);
      test.runner.checkIntegrity();
      // What is still on its way is late by now.
      for (const from of starts) test.runner.adapterArrived(cut(from));
      await test.runner.step();
    }
    test.submit({ id: "base", promptTokens: PROMPT });
    await test.drain();
    assert.equal(test.outcomes.get("base")!.finished?.reason, "length");
  });
});

Deno.test("a failure that answers a request that is gone does not fail the one that came after it", async () => {
  const adapters = await large("x");
  await withRunner(MODEL, { adapters, withheld: new Set(["x"]) }, async (test) => {
    test.submit({ id: "gone", promptTokens: PROMPT, mixture: only("x") });
    await test.runner.step();
    test.runner.abort("gone");
    test.submit({ id: "it", promptTokens: PROMPT, mixture: only("x"), maxTokens: 1 });
    await test.runner.step();
    assert.deepEqual(test.asked, ["x"]);
    const late = new WeftError("unavailable", "nobody leases it");
    test.runner.adapterFailed({ generation: "x", from: 0 }, late);
    assert.equal(test.outcomes.get("it")!.error, null);
    await test.runner.step();
    assert.deepEqual(test.asked, ["x", "x"]);
    test.bring("x");
    await test.drain();
    assert.equal(test.outcomes.get("it")!.finished?.reason, "length");
  });
});

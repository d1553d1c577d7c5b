import assert from "node:assert/strict";
import { parsePeftAdapter } from "../../../adapters/peft/mod.ts";
import type { AdapterWeights } from "../../../engine/core/adapter_weights.ts";
import type { Mixture } from "../../../engine/core/generation.ts";
import { openModelDirectory } from "../../../engine/loader/mod.ts";
import { type TestRunner, withRunner } from "./harness.ts";

const MODELS = new URL("../../fixtures/models/", import.meta.url).pathname;

/** What tools/fixtures/lora.py computed with PyTorch and PEFT's `cat` in float32. */
interface Expected {
  base: string;
  adapters: string[];
  rows: {
    mixture: { adapter: string; weight: number }[];
    prompt: number[];
    logits: number[];
    greedy: number[];
  }[];
}

interface Fixture {
  base: string;
  adapters: Map<string, AdapterWeights>;
  rows: { mixture: Mixture; prompt: Uint32Array; logits: number[]; greedy: number[] }[];
}

async function readFixture(): Promise<Fixture> {
  const expected: Expected = JSON.parse(await Deno.readTextFile(`${MODELS}lora/expected.json`));
  const base = `${MODELS}${expected.base}`;
  using model = await openModelDirectory(base);
  const byName = new Map<string, AdapterWeights>();
  for (const name of expected.adapters) {
    const directory = `${MODELS}lora/${name}/`;
    const files = {
      config: await Deno.readFile(`${directory}adapter_config.json`),
      weights: await Deno.readFile(`${directory}adapter_model.safetensors`),
    };
    byName.set(name, await parsePeftAdapter(files, { model: model.config, maxRank: 64 }));
  }
  return {
    base,
    adapters: new Map([...byName.values()].map((weights) => [weights.generation, weights])),
    rows: expected.rows.map((row) => ({
      ...row,
      prompt: Uint32Array.from(row.prompt),
      mixture: row.mixture.map(({ adapter, weight }) => ({
        generation: byName.get(adapter)!.generation,
        weight,
      })),
    })),
  };
}

function worstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst;
}

/** Brings every adapter to the GPU, so that requests that follow start in one step. */
async function warm(test: TestRunner, rows: Fixture["rows"]): Promise<void> {
  for (const [i, { mixture }] of rows.entries()) {
    test.submit({ id: `warm ${i}`, promptTokens: Uint32Array.of(1), mixture, maxTokens: 1 });
  }
  await test.drain();
}

for (const [dtype, tolerance] of [["f32", 1e-3], ["f16", 2e-2]] as const) {
  Deno.test(`every row of a mixed batch in ${dtype} has PEFT's logits, and its solo run's bits`, async () => {
    const { base, adapters, rows } = await readFixture();
    await withRunner(base, { dtype, adapters, prefixCache: false }, async (test) => {
      await warm(test, rows);
      const steps = test.scheduler.stats.steps;
      for (const [i, { prompt, mixture }] of rows.entries()) {
        test.submit({ id: `${i}`, promptTokens: prompt, mixture, maxTokens: 1 });
      }
      await test.drain();
      assert.equal(test.scheduler.stats.steps, steps + 1, "the rows did not share a step");
      const together = await test.decoder.readLogits(rows.length);
      const vocab = together.length / rows.length;
      for (const [i, { prompt, mixture, logits }] of rows.entries()) {
        const got = together.slice(i * vocab, (i + 1) * vocab);
        const worst = worstDifference(got, logits);
        assert.ok(worst <= tolerance, `row ${i}: off by ${worst}`);
        test.submit({ id: `${i} alone`, promptTokens: prompt, mixture, maxTokens: 1 });
        await test.drain();
        assert.deepEqual(await test.decoder.readLogits(1), got, `row ${i} alone`);
      }
    });
  });
}

Deno.test("a batch of mixtures in f32 draws PEFT's greedy tokens, and each row its own alone", async () => {
  const { base, adapters, rows } = await readFixture();
  await withRunner(base, { adapters }, async (test) => {
    for (const [i, { prompt, mixture, greedy }] of rows.entries()) {
      test.submit({ id: `${i}`, promptTokens: prompt, mixture, maxTokens: greedy.length });
    }
    await test.drain();
    for (const [i, { greedy }] of rows.entries()) {
      assert.deepEqual(test.outcomes.get(`${i}`)!.tokens, greedy, `row ${i} in the batch`);
    }
    for (const [i, { prompt, mixture, greedy }] of rows.entries()) {
      const id = `${i} alone`;
      test.submit({ id, promptTokens: prompt, mixture, maxTokens: greedy.length });
      await test.drain();
      assert.deepEqual(test.outcomes.get(id)!.tokens, greedy, `row ${i} alone`);
    }
  });
});

import assert from "node:assert/strict";
import { type TestRunner, withRunner } from "./harness.ts";
import { type LoraFixture, readLoraFixture } from "./lora_fixture.ts";

function worstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst;
}

/** Brings every adapter to the GPU, so that requests that follow start in one step. */
async function warm(test: TestRunner, rows: LoraFixture["rows"]): Promise<void> {
  for (const [i, { mixture }] of rows.entries()) {
    test.submit({ id: `warm ${i}`, promptTokens: Uint32Array.of(1), mixture, maxTokens: 1 });
  }
  await test.drain();
}

for (const [dtype, tolerance] of [["f32", 1e-3], ["f16", 2e-2]] as const) {
  Deno.test(`every row of a mixed batch in ${dtype} has PEFT's logits, and its solo run's bits`, async () => {
    const { base, adapters, rows } = await readLoraFixture();
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
  const { base, adapters, rows } = await readLoraFixture();
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

import assert from "node:assert/strict";
import { dequantiseRows, quantiseRows } from "../../../engine/kernels/quantise.ts";
import { openModelDirectory } from "../../../engine/loader/mod.ts";
import { ReferenceModel } from "../loader/reference_model.ts";
import { type TestRunner, withRunner } from "./harness.ts";
import { MODELS, readLoraFixture } from "./lora_fixture.ts";

interface Expected {
  prompts: { prompt: number[]; logits: number[] }[];
}

/** The engine against double precision over the same quantised weights. */
const TOLERANCE = { f32: 1e-3, f16: 2e-2 };

/**
 * Mean error over a model's prompts against PyTorch's f32 logits, as a share of those logits'
 * spread. Measured: int8 1.6 to 2.9 %, int4 20 to 61 %. The fixtures are random weights, and their
 * sharp attention multiplies what the weights themselves are off by (see quantise_test.ts).
 */
const MOST_ERROR = { int8: 0.04, int4: 0.65 };

async function logitsAfter(test: TestRunner, id: string, prompt: ArrayLike<number>) {
  test.submit({ id, promptTokens: Uint32Array.from(prompt), maxTokens: 1 });
  await test.drain();
  return await test.decoder.readLogits(1);
}

function worstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst;
}

/** Root mean square of the difference, as a share of the expected values' deviation. */
function relativeError(actual: ArrayLike<number>, expected: readonly number[]): number {
  const mean = expected.reduce((sum, value) => sum + value, 0) / expected.length;
  const spread = expected.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const error = expected.reduce((sum, value, i) => sum + (actual[i] - value) ** 2, 0);
  return Math.sqrt(error / spread);
}

for (const quantize of ["int8", "int4"] as const) {
  for (const architecture of ["llama", "llama-tied", "qwen2", "qwen3", "mistral"]) {
    // llama-tied is stored in two files, its embedding is the head too, and 48 columns are no whole groups.
    const dtype = architecture === "llama-tied" ? "f16" : "f32";
    Deno.test(`${architecture} in ${quantize} computes what its quantised weights say, near PyTorch's logits`, async () => {
      const folder = `${MODELS}${architecture}`;
      const { prompts }: Expected = JSON.parse(
        await Deno.readTextFile(`${folder}/expected.json`),
      );
      using directory = await openModelDirectory(folder);
      const reference = await ReferenceModel.load(directory, (values, linear) => {
        const isLayer = linear.weight[0].name.startsWith("model.layers.");
        const format = isLayer ? quantize : "int8";
        return dequantiseRows(format, quantiseRows(format, values, linear.cols), linear);
      });
      await withRunner(folder, { dtype, quantize, prefixCache: false }, async (test) => {
        let error = 0;
        for (const [i, { prompt, logits }] of prompts.entries()) {
          const got = await logitsAfter(test, `${i}`, prompt);
          const worst = worstDifference(got, reference.logits(prompt));
          assert.ok(worst <= TOLERANCE[dtype], `prompt ${i}: off by ${worst}`);
          error += relativeError(got, logits) / prompts.length;
        }
        assert.ok(error <= MOST_ERROR[quantize], `off by ${error} of the logits' spread`);
      });
    });
  }

  Deno.test(`every row of a mixed batch over an ${quantize} base has its solo run's bits`, async () => {
    const { base, adapters, rows } = await readLoraFixture();
    await withRunner(base, { quantize, adapters, prefixCache: false }, async (test) => {
      for (const [i, { prompt, mixture }] of rows.entries()) {
        test.submit({ id: `warm ${i}`, promptTokens: prompt, mixture, maxTokens: 1 });
      }
      await test.drain();
      const steps = test.scheduler.stats.steps;
      for (const [i, { prompt, mixture }] of rows.entries()) {
        test.submit({ id: `${i}`, promptTokens: prompt, mixture, maxTokens: 12 });
      }
      await test.runner.step();
      assert.equal(test.scheduler.stats.steps, steps + 1);
      const together = await test.decoder.readLogits(rows.length);
      const vocab = together.length / rows.length;
      await test.drain();
      for (const [i, { prompt, mixture }] of rows.entries()) {
        test.submit({ id: `${i} alone`, promptTokens: prompt, mixture, maxTokens: 12 });
        await test.runner.step();
        const alone = await test.decoder.readLogits(1);
        assert.deepEqual(alone, together.slice(i * vocab, (i + 1) * vocab), `row ${i}`);
        await test.drain();
        const tokens = (id: string) => test.outcomes.get(id)!.tokens;
        assert.equal(tokens(`${i}`).length, 12);
        assert.deepEqual(tokens(`${i} alone`), tokens(`${i}`), `row ${i}`);
      }
    });
  });
}

import assert from "node:assert/strict";
import { withRunner } from "./harness.ts";

const FIXTURES = new URL("../../fixtures/models/", import.meta.url).pathname;

/** What tools/fixtures/models.py computed with PyTorch and transformers in float32. */
interface Expected {
  prompts: { prompt: number[]; logits: number[]; greedy: number[] }[];
}

async function readExpected(architecture: string): Promise<Expected> {
  return JSON.parse(await Deno.readTextFile(`${FIXTURES}${architecture}/expected.json`));
}

function worstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  let worst = 0;
  for (let i = 0; i < a.length; i++) worst = Math.max(worst, Math.abs(a[i] - b[i]));
  return worst;
}

const TOLERANCE = { f32: 1e-3, f16: 2e-2 };

for (const architecture of ["llama", "llama-tied", "qwen2", "qwen3", "mistral"]) {
  for (const dtype of ["f32", "f16"] as const) {
    Deno.test(`${architecture} in ${dtype} computes PyTorch's logits`, async () => {
      const { prompts } = await readExpected(architecture);
      await withRunner(
        `${FIXTURES}${architecture}`,
        { dtype, prefixCache: false },
        async (test) => {
          for (const [i, { prompt, logits }] of prompts.entries()) {
            test.submit({ id: `${i}`, promptTokens: Uint32Array.from(prompt), maxTokens: 1 });
            await test.drain();
            const got = await test.decoder.readLogits(1);
            const worst = worstDifference(got, logits);
            assert.ok(worst <= TOLERANCE[dtype], `prompt ${i}: off by ${worst}`);
          }
        },
      );
    });
  }

  Deno.test(`${architecture} in f32 draws PyTorch's 64 greedy tokens, all prompts in one batch`, async () => {
    const { prompts } = await readExpected(architecture);
    await withRunner(`${FIXTURES}${architecture}`, {}, async (test) => {
      for (const [i, { prompt }] of prompts.entries()) {
        test.submit({ id: `${i}`, promptTokens: Uint32Array.from(prompt), maxTokens: 64 });
      }
      await test.drain();
      for (const [i, { greedy }] of prompts.entries()) {
        assert.deepEqual(test.outcomes.get(`${i}`)!.tokens, greedy, `prompt ${i}`);
      }
    });
  });
}

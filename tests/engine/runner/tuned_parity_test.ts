import assert from "node:assert/strict";
import {
  type DeviceTuning,
  PRODUCT_TILE_NAMES,
  ROW_SHARES,
  tuningKey,
} from "../../../engine/core/tuning.ts";
import type { ModelConfig } from "../../../engine/core/model_config.ts";
import { readModelConfig } from "../../../engine/loader/mod.ts";
import { withRunner } from "./harness.ts";
import { MODELS } from "./lora_fixture.ts";

interface Expected {
  prompts: { prompt: number[]; greedy: number[] }[];
}

async function deviceKey(): Promise<string> {
  const { info } = (await navigator.gpu.requestAdapter({ powerPreference: "high-performance" }))!;
  return tuningKey({
    vendor: info.vendor,
    architecture: info.architecture,
    description: info.description || info.device,
    isFallback: info.isFallbackAdapter,
  });
}

/** Rows and columns of all products with a model's matrices. */
function shapesOf(config: ModelConfig): [number, number][] {
  const { hiddenSize, intermediateSize, numHeads, numKvHeads, headDim, vocabSize } = config;
  return [
    [(numHeads + 2 * numKvHeads) * headDim, hiddenSize],
    [hiddenSize, numHeads * headDim],
    [2 * intermediateSize, hiddenSize],
    [hiddenSize, intermediateSize],
    [vocabSize, hiddenSize],
  ];
}

for (const [i, tile] of PRODUCT_TILE_NAMES.entries()) {
  const share = ROW_SHARES[i % ROW_SHARES.length];
  for (const architecture of ["llama-tied", "qwen2", "qwen3"]) {
    Deno.test(`${architecture} draws PyTorch's greedy tokens in tiles of ${tile}, rows shared by ${share}`, async () => {
      const folder = `${MODELS}${architecture}`;
      const { prompts }: Expected = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
      const tuning: DeviceTuning = {
        device: await deviceKey(),
        products: shapesOf(await readModelConfig(folder)).map(([rows, cols]) => ({
          rows,
          cols,
          format: "f32",
          tiles: [{ tokens: 1, tile }],
          share,
        })),
      };
      await withRunner(folder, { dtype: "f32", tunings: [tuning] }, async (test) => {
        assert.equal(test.tuning.source, "stored");
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
}

Deno.test("an engine that measures finds a variant for every product, and draws the same tokens with them", async () => {
  const folder = `${MODELS}qwen2`;
  const { prompts }: Expected = JSON.parse(await Deno.readTextFile(`${folder}/expected.json`));
  await withRunner(folder, { dtype: "f32", tune: true, prefillTokens: 64 }, async (test) => {
    const { source, measured } = test.tuning;
    assert.equal(source, "measured");
    assert.equal(measured!.device, await deviceKey());
    const found = measured!.products.map(({ rows, cols }) => `${rows} ${cols}`);
    const wanted = shapesOf(test.config).map(([rows, cols]) => `${rows} ${cols}`);
    assert.deepEqual(new Set(found), new Set(wanted));
    // A prompt's last token alone meets the head.
    const head = `${test.config.vocabSize} ${test.config.hiddenSize}`;
    for (const [i, { tiles, share }] of measured!.products.entries()) {
      assert.ok(ROW_SHARES.includes(share!));
      if (found[i] === head) assert.equal(tiles, undefined);
      else assert.equal(tiles![0].tokens, 1);
    }
    test.submit({ id: "a", promptTokens: Uint32Array.from(prompts[0].prompt), maxTokens: 64 });
    await test.drain();
    assert.deepEqual(test.outcomes.get("a")!.tokens, prompts[0].greedy);
  });
});

Deno.test("what was measured elsewhere, or for other matrices, changes nothing", async () => {
  const folder = `${MODELS}qwen2`;
  const elsewhere: DeviceTuning = {
    device: "another GPU",
    products: shapesOf(await readModelConfig(folder))
      .map(([rows, cols]) => ({ rows, cols, format: "f32", share: 2 })),
  };
  const other: DeviceTuning = {
    device: await deviceKey(),
    products: [{ rows: 4, cols: 4, format: "f32", share: 2 }],
  };
  await withRunner(folder, { dtype: "f32", tunings: [elsewhere, other] }, (test) => {
    assert.equal(test.tuning.source, "default");
    return Promise.resolve();
  });
});

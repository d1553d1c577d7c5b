import assert from "node:assert/strict";
import { costsOf } from "../../bench/engine/costs.ts";
import { writeRandomModel } from "../../bench/shapes/random_model.ts";
import { type Shape, shapes, SMALL_SHAPE } from "../../bench/shapes/shapes.ts";
import { readModelConfig } from "../../engine/mod.ts";

/** Elements of a cache of 16k positions over those of all weights. */
async function cacheShare({ config }: Shape): Promise<number> {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/config.json`, JSON.stringify(config));
    const { kvElements, layerWeights, headWeights } = costsOf(await readModelConfig(directory));
    return 16384 * kvElements / (layerWeights + headWeights);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("the small shape's cache is to its weights as that of Qwen2-1.5B", async () => {
  const [, large] = shapes();
  const [small, wanted] = [await cacheShare(SMALL_SHAPE), await cacheShare(large)];
  assert.ok(Math.abs(small / wanted - 1) < 0.1, `${small}, and ${wanted} is wanted`);
});

Deno.test("random weights have the bytes that their shape says", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const bytes = await writeRandomModel(directory, SMALL_SHAPE);
    const { layerWeights, headWeights } = costsOf(await readModelConfig(directory));
    const norms = 3 * 256;
    const biases = 256 + 2 * 64;
    assert.equal(bytes, 2 * (layerWeights + headWeights + norms + biases));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

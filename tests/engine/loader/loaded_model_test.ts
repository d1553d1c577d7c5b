import assert from "node:assert/strict";
import { join } from "node:path";
import { openModelDirectory } from "../../../engine/loader/mod.ts";
import { ReferenceModel } from "./reference_model.ts";

interface Expected {
  prompts: { prompt: number[]; logits: number[]; greedy: number[]; last_logits: number[] }[];
}

/** Double-precision sums against PyTorch's in float32. */
const TOLERANCE = 1e-4;

for (const name of ["llama", "llama-tied", "qwen2", "qwen3", "mistral"]) {
  Deno.test(`what is loaded of ${name} computes PyTorch's logits`, async () => {
    const folder = join("tests/fixtures/models", name);
    const expected: Expected = JSON.parse(await Deno.readTextFile(join(folder, "expected.json")));
    using directory = await openModelDirectory(folder);
    const model = await ReferenceModel.load(directory);
    for (const { prompt, logits, greedy, last_logits } of expected.prompts) {
      assertClose(model.logits(prompt), logits, `after ${prompt.length} tokens`);
      const all = [...prompt, ...greedy.slice(0, -1)];
      assertClose(model.logits(all), last_logits, `after ${all.length} tokens`);
    }
  });
}

function assertClose(actual: Float64Array, expected: number[], where: string): void {
  assert.equal(actual.length, expected.length);
  const worst = Math.max(...expected.map((value, i) => Math.abs(value - actual[i])));
  assert.ok(worst < TOLERANCE, `${where}, a logit is off by ${worst}`);
}

import assert from "node:assert/strict";
import { decodeBytes, prefillFlops } from "../../../bench/engine/costs.ts";
import { kernelCost, roleOf, type StepFacts } from "../../../bench/kernels/kernel_costs.ts";
import { readModelConfig } from "../../../engine/mod.ts";

const config = await readModelConfig("models/demo");
const facts: StepFacts = {
  config,
  elementBytes: 2,
  tokens: 8,
  contextLength: 100,
  rows: 8,
  rankTotal: 16,
};

Deno.test("a product costs its weights once and two operations a weight and token", () => {
  // hidden 256, q 256 rows, k and v 128 each.
  assert.deepEqual(kernelCost("matvec 8", "qkv", facts), {
    bytes: 2 * 256 * 512 + 4 * 8 * (256 + 512),
    flops: 2 * 256 * 512 * 8,
  });
});

Deno.test("attention costs the keys and values of each token's context", () => {
  const { bytes } = kernelCost("attention", "", facts)!;
  assert.equal(bytes, 2 * 8 * 100 * 2 * 128 + 8 * 8 * 256);
});

Deno.test("nothing is claimed of a kernel that isn't known", () => {
  assert.equal(kernelCost("brand_new", "", facts), null);
  assert.equal(kernelCost("matvec 8", "", facts), null);
});

Deno.test("buffers' labels tell what a dispatch works for", () => {
  assert.equal(roleOf(["x", "model.layers.3.self_attn.q_proj.weight"]), "qkv");
  assert.equal(roleOf(["layer 2 gate_up adapters A"]), "gate_up");
  assert.equal(roleOf(["model.embed_tokens.weight"]), "head");
  assert.equal(roleOf(["x", "y"]), "");
});

Deno.test("a model's least traffic and work follow from its shape", () => {
  const layer = 256 * 512 + 256 * 256 + 3 * 256 * 704;
  const head = 2048 * 256;
  assert.equal(
    decodeBytes(config, { batch: 2, contextLength: 10, elementBytes: 2 }),
    2 * (6 * layer + head + 2 * 10 * 2 * 6 * 128),
  );
  assert.equal(prefillFlops(config, 3), 2 * (3 * 6 * layer + head) + 4 * 6 * 6 * 256);
});

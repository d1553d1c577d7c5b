import assert from "node:assert/strict";
import { join } from "node:path";
import type { TensorInfo } from "../../../engine/core/safetensors.ts";
import { openModelDirectory, plannedTensors, planWeights } from "../../../engine/loader/mod.ts";

const FIXTURES = "tests/fixtures/models";
const MODELS = ["llama", "llama-tied", "qwen2", "qwen3", "mistral"];

for (const name of MODELS) {
  Deno.test(`the plan for ${name} names each of its tensors once`, async () => {
    using model = await openModelDirectory(join(FIXTURES, name));
    const planned = plannedTensors(planWeights(model.config, model.tensors)).map(({ name }) =>
      name
    );
    assert.deepEqual(planned.toSorted(), [...model.tensors.keys()].sort());
  });
}

async function open(name: string) {
  using model = await openModelDirectory(join(FIXTURES, name));
  return { config: model.config, tensors: new Map(model.tensors) };
}

Deno.test("fused matrices stack their parts' rows", async () => {
  const { config, tensors } = await open("mistral");
  const [layer] = planWeights(config, tensors).layers;
  assert.deepEqual(layer.qkv, {
    rows: 144,
    cols: 64,
    weight: [
      { name: "model.layers.0.self_attn.q_proj.weight", rows: 96, cols: 64 },
      { name: "model.layers.0.self_attn.k_proj.weight", rows: 24, cols: 64 },
      { name: "model.layers.0.self_attn.v_proj.weight", rows: 24, cols: 64 },
    ],
    bias: [],
  });
  assert.deepEqual([layer.gateUp.rows, layer.gateUp.cols], [192, 64]);
  assert.deepEqual([layer.attentionOut.rows, layer.attentionOut.cols], [64, 96]);
  assert.deepEqual([layer.down.rows, layer.down.cols], [64, 96]);
});

Deno.test("Qwen2's biases follow their matrices, and Qwen3's head norms are there", async () => {
  const qwen2 = await open("qwen2");
  const [layer] = planWeights(qwen2.config, qwen2.tensors).layers;
  assert.deepEqual(layer.qkv.bias.map(({ name, rows }) => [name.split(".").slice(-2)[0], rows]), [
    ["q_proj", 64],
    ["k_proj", 32],
    ["v_proj", 32],
  ]);
  assert.equal(layer.qNorm, null);
  const qwen3 = await open("qwen3");
  const [normed] = planWeights(qwen3.config, qwen3.tensors).layers;
  assert.deepEqual(normed.kNorm, {
    name: "model.layers.0.self_attn.k_norm.weight",
    rows: 32,
    cols: null,
  });
});

Deno.test("a tied model has no head of its own", async () => {
  const tied = await open("llama-tied");
  assert.equal(planWeights(tied.config, tied.tensors).head, null);
  const untied = await open("llama");
  assert.equal(planWeights(untied.config, untied.tensors).head?.rows, 256);
});

Deno.test("a tied head that is stored again is passed over, as transformers does", async () => {
  const { config, tensors } = await open("llama-tied");
  tensors.set("lm_head.weight", tensor("lm_head.weight", [131, 48]));
  assert.equal(planWeights(config, tensors).head, null);
});

Deno.test("rotary frequencies that old checkpoints store are no strangers", async () => {
  const { config, tensors } = await open("llama");
  tensors.set("model.layers.0.self_attn.rotary_emb.inv_freq", tensor("inv_freq", [8]));
  planWeights(config, tensors);
});

const BROKEN: [
  what: string,
  model: string,
  change: (tensors: Map<string, TensorInfo>) => void,
  reason: RegExp,
][] = [
  [
    "a missing tensor",
    "llama",
    (tensors) => tensors.delete("model.layers.2.mlp.up_proj.weight"),
    /weights: model\.layers\.2\.mlp\.up_proj\.weight is missing$/,
  ],
  [
    "a tensor of another shape",
    "llama",
    (tensors) => tensors.set("model.norm.weight", tensor("model.norm.weight", [63])),
    /model\.norm\.weight has shape \[63\], and config\.json asks for \[64\]/,
  ],
  [
    "a vector where a matrix belongs",
    "llama",
    (tensors) => tensors.set("lm_head.weight", tensor("lm_head.weight", [256 * 64])),
    /lm_head\.weight has shape \[16384\].*\[256,64\]/,
  ],
  [
    "integers for weights",
    "llama",
    (tensors) => tensors.set("model.norm.weight", tensor("model.norm.weight", [64], "I64")),
    /model\.norm\.weight is I64; supported are F32, F16 and BF16/,
  ],
  [
    "a bias that the architecture has not",
    "llama",
    (tensors) => tensors.set("model.layers.0.self_attn.q_proj.bias", tensor("b", [64])),
    /q_proj\.bias is no part of a llama model/,
  ],
  [
    "a model with nothing in it",
    "llama",
    (tensors) => tensors.clear(),
    /embed_tokens\.weight is missing; .*; and 26 more$/,
  ],
];

for (const [what, model, change, message] of BROKEN) {
  Deno.test(`${what} is refused by name`, async () => {
    const { config, tensors } = await open(model);
    change(tensors);
    assert.throws(() => planWeights(config, tensors), { code: "bad_model", message });
  });
}

function tensor(name: string, shape: number[], dtype: TensorInfo["dtype"] = "F32"): TensorInfo {
  const elements = shape.reduce((a, b) => a * b, 1);
  return { name, dtype, shape, elements, offset: 0, byteLength: elements * 4 };
}

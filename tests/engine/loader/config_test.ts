import assert from "node:assert/strict";
import fc from "fast-check";
import { WeftError } from "../../../engine/core/errors.ts";
import { parseModelConfig } from "../../../engine/loader/mod.ts";

/** Llama 2 as it was first published: no head_dim, no rope fields, no key-value heads. */
const LLAMA2 = {
  architectures: ["LlamaForCausalLM"],
  bos_token_id: 1,
  eos_token_id: 2,
  hidden_act: "silu",
  hidden_size: 4096,
  intermediate_size: 11008,
  max_position_embeddings: 4096,
  model_type: "llama",
  num_attention_heads: 32,
  num_hidden_layers: 32,
  pretraining_tp: 1,
  rms_norm_eps: 1e-5,
  rope_scaling: null,
  tie_word_embeddings: false,
  vocab_size: 32000,
};

const LLAMA3_ROPE = {
  factor: 8.0,
  low_freq_factor: 1.0,
  high_freq_factor: 4.0,
  original_max_position_embeddings: 8192,
  rope_type: "llama3",
};

const LLAMA3 = {
  ...LLAMA2,
  num_key_value_heads: 8,
  intermediate_size: 14336,
  max_position_embeddings: 131072,
  rope_theta: 500000.0,
  rope_scaling: LLAMA3_ROPE,
  vocab_size: 128256,
  eos_token_id: [128001, 128008, 128009],
};

const QWEN2 = {
  ...LLAMA2,
  architectures: ["Qwen2ForCausalLM"],
  hidden_size: 896,
  intermediate_size: 4864,
  num_attention_heads: 14,
  num_key_value_heads: 2,
  num_hidden_layers: 24,
  max_window_layers: 21,
  sliding_window: 32768,
  use_sliding_window: false,
  tie_word_embeddings: true,
  vocab_size: 151936,
  eos_token_id: 151645,
  rope_theta: 1000000.0,
};

const QWEN3 = {
  ...QWEN2,
  architectures: ["Qwen3ForCausalLM"],
  hidden_size: 1024,
  num_attention_heads: 16,
  num_key_value_heads: 8,
  head_dim: 128,
  attention_bias: false,
  sliding_window: null,
};

const MISTRAL = {
  ...LLAMA2,
  architectures: ["MistralForCausalLM"],
  num_key_value_heads: 8,
  intermediate_size: 14336,
  sliding_window: 4096,
};

Deno.test("Llama 2's config takes the defaults of its time", () => {
  assert.deepEqual(parseModelConfig(LLAMA2), {
    architecture: "llama",
    vocabSize: 32000,
    hiddenSize: 4096,
    intermediateSize: 11008,
    numLayers: 32,
    numHeads: 32,
    numKvHeads: 32,
    headDim: 128,
    rmsNormEps: 1e-5,
    ropeTheta: 10000,
    ropeScaling: { kind: "none" },
    maxPositionEmbeddings: 4096,
    tieWordEmbeddings: false,
    qkvBias: false,
    outBias: false,
    mlpBias: false,
    qkNorm: false,
    slidingWindow: 0,
    eosTokenIds: [2],
  });
});

Deno.test("Llama 3's rope scaling and list of end tokens are read", () => {
  const config = parseModelConfig(LLAMA3);
  assert.equal(config.ropeTheta, 500000);
  assert.deepEqual(config.ropeScaling, {
    kind: "llama3",
    factor: 8,
    lowFreqFactor: 1,
    highFreqFactor: 4,
    originalMaxPositionEmbeddings: 8192,
  });
  assert.equal(config.numKvHeads, 8);
  assert.deepEqual(config.eosTokenIds, [128001, 128008, 128009]);
});

Deno.test("rope_parameters, as transformers 5 writes them, mean the same", () => {
  const { rope_theta, rope_scaling, ...rest } = LLAMA3;
  const renamed = { ...rest, rope_parameters: { ...rope_scaling, rope_theta } };
  assert.deepEqual(parseModelConfig(renamed), parseModelConfig(LLAMA3));
});

Deno.test("linear rope scaling is read under its old name for the type", () => {
  const config = parseModelConfig({ ...LLAMA2, rope_scaling: { type: "linear", factor: 2.5 } });
  assert.deepEqual(config.ropeScaling, { kind: "linear", factor: 2.5 });
});

Deno.test("default rope parameters scale nothing", () => {
  const rope_parameters = { rope_type: "default", rope_theta: 1e6 };
  const config = parseModelConfig({ ...LLAMA2, rope_parameters });
  assert.deepEqual(config.ropeScaling, { kind: "none" });
  assert.equal(config.ropeTheta, 1e6);
});

Deno.test("Llama's own original context is taken where the rope scaling has none", () => {
  const { original_max_position_embeddings: _, ...rope } = LLAMA3_ROPE;
  const { ropeScaling } = parseModelConfig({ ...LLAMA3, rope_scaling: rope });
  assert.equal(ropeScaling.kind === "llama3" && ropeScaling.originalMaxPositionEmbeddings, 131072);
});

Deno.test("Llama's bias switches are read", () => {
  const config = parseModelConfig({ ...LLAMA2, attention_bias: true, mlp_bias: true });
  const { qkvBias, outBias, mlpBias } = config;
  assert.deepEqual({ qkvBias, outBias, mlpBias }, { qkvBias: true, outBias: true, mlpBias: true });
});

Deno.test("Qwen2 has biases on q, k and v, and full attention with its window switched off", () => {
  const config = parseModelConfig(QWEN2);
  assert.equal(config.architecture, "qwen2");
  assert.equal(config.headDim, 64);
  assert.equal(config.tieWordEmbeddings, true);
  const { qkvBias, outBias, mlpBias, qkNorm, slidingWindow } = config;
  assert.deepEqual([qkvBias, outBias, mlpBias, qkNorm, slidingWindow], [
    true,
    false,
    false,
    false,
    0,
  ]);
});

Deno.test("Qwen3 normalises heads of its own width", () => {
  const config = parseModelConfig(QWEN3);
  assert.deepEqual([config.qkNorm, config.qkvBias, config.headDim], [true, false, 128]);
  const { head_dim: _, ...silent } = QWEN3;
  assert.equal(parseModelConfig({ ...silent }).headDim, 128);
});

Deno.test("Mistral's window is a number, null for none, or absent for 4096", () => {
  assert.equal(parseModelConfig(MISTRAL).slidingWindow, 4096);
  assert.equal(parseModelConfig({ ...MISTRAL, sliding_window: null }).slidingWindow, 0);
  const { sliding_window: _, ...silent } = MISTRAL;
  assert.equal(parseModelConfig(silent).slidingWindow, 4096);
});

Deno.test("a Qwen window that no layer reaches is full attention", () => {
  const window = { use_sliding_window: true, max_window_layers: 24 };
  assert.equal(parseModelConfig({ ...QWEN2, ...window }).slidingWindow, 0);
  const full = { use_sliding_window: true, layer_types: Array(24).fill("full_attention") };
  assert.equal(parseModelConfig({ ...QWEN2, ...full }).slidingWindow, 0);
  const none = { use_sliding_window: true, sliding_window: null };
  assert.equal(parseModelConfig({ ...QWEN2, ...none }).slidingWindow, 0);
});

Deno.test("end tokens of both files count, once each, the generation's first", () => {
  const generation = { eos_token_id: [128009, 128001], temperature: 0.6 };
  const { eosTokenIds } = parseModelConfig({ ...LLAMA3, eos_token_id: 128001 }, generation);
  assert.deepEqual(eosTokenIds, [128009, 128001]);
});

Deno.test("a model without end tokens has none", () => {
  assert.deepEqual(parseModelConfig({ ...LLAMA2, eos_token_id: null }, {}).eosTokenIds, []);
});

const UNSUPPORTED: [what: string, config: object, message: RegExp][] = [
  [
    "an unknown architecture",
    { ...LLAMA2, architectures: ["GemmaForCausalLM"] },
    /architectures \["GemmaForCausalLM"\]; supported is one of LlamaForCausalLM, Qwen2.*Mistral/,
  ],
  ["an inherited architecture", { ...LLAMA2, architectures: ["toString"] }, /"toString"/],
  ["no architecture", { ...LLAMA2, architectures: undefined }, /architectures no value/],
  [
    "quantised weights",
    { ...LLAMA2, quantization_config: { bits: 4 } },
    /quantization_config .*bits/,
  ],
  ["another activation", { ...LLAMA2, hidden_act: "gelu" }, /hidden_act "gelu"; only "silu"/],
  [
    "YaRN",
    { ...LLAMA2, rope_scaling: { type: "yarn", factor: 4 } },
    /rope_scaling\.type "yarn"; supported are default, linear and llama3/,
  ],
  [
    "dynamic scaling in the new spelling",
    { ...LLAMA2, rope_parameters: { rope_type: "dynamic", factor: 4 } },
    /rope_parameters\.rope_type "dynamic"/,
  ],
  ["partial rotation", { ...LLAMA2, partial_rotary_factor: 0.5 }, /partial_rotary_factor 0.5/],
  [
    "a window in the last layers",
    { ...QWEN2, use_sliding_window: true },
    /use_sliding_window true; a window in some layers only is not supported/,
  ],
  [
    "a window in some listed layers",
    {
      ...QWEN3,
      use_sliding_window: true,
      sliding_window: 128,
      layer_types: ["full_attention", "sliding_attention"],
    },
    /use_sliding_window/,
  ],
  ["rows of odd width", { ...LLAMA2, intermediate_size: 11006 }, /11006; multiples of 4/],
  ["heads of odd width", { ...LLAMA2, head_dim: 12 }, /head_dim 12; .* multiples of 8/],
];

for (const [what, config, message] of UNSUPPORTED) {
  Deno.test(`${what} is refused as unsupported`, () => {
    assert.throws(() => parseModelConfig(config), {
      name: "WeftError",
      code: "unsupported",
      message,
    });
  });
}

const WRONG: [what: string, config: unknown, message: RegExp][] = [
  ["a config that is a list", [], /config\.json is not a JSON object/],
  ["no vocabulary size", { ...LLAMA2, vocab_size: undefined }, /vocab_size no value; an integer/],
  ["a size of 0", { ...LLAMA2, num_hidden_layers: 0 }, /num_hidden_layers 0; an integer from 1/],
  ["a size in words", { ...LLAMA2, hidden_size: "4096" }, /hidden_size "4096"/],
  ["a fractional size", { ...LLAMA2, hidden_size: 4096.5 }, /hidden_size 4096.5/],
  ["a size beyond reason", { ...LLAMA2, vocab_size: 2 ** 40 }, /vocab_size 1099511627776/],
  ["heads that do not group", { ...LLAMA2, num_key_value_heads: 5 }, /a divisor of .* 32/],
  ["heads that leave a rest", { ...LLAMA2, num_attention_heads: 30 }, /4096 over 30 heads/],
  [
    "Mistral without key-value heads",
    { ...MISTRAL, num_key_value_heads: undefined },
    /num_key_value_heads/,
  ],
  ["a negative epsilon", { ...LLAMA2, rms_norm_eps: -1 }, /rms_norm_eps -1/],
  ["a flag in words", { ...LLAMA2, tie_word_embeddings: "yes" }, /tie_word_embeddings "yes"/],
  ["rope scaling in words", { ...LLAMA2, rope_scaling: "linear" }, /rope_scaling "linear"/],
  ["linear scaling without factor", { ...LLAMA2, rope_scaling: { type: "linear" } }, /factor no/],
  [
    "bands that cross",
    { ...LLAMA3, rope_scaling: { ...LLAMA3_ROPE, high_freq_factor: 1 } },
    /high_freq_factor 1; more than low_freq_factor \(1\)/,
  ],
  ["an end token outside the vocabulary", { ...LLAMA2, eos_token_id: 32000 }, /0 to 31999/],
  ["a window of 0", { ...MISTRAL, sliding_window: 0 }, /sliding_window 0/],
];

for (const [what, config, message] of WRONG) {
  Deno.test(`${what} is refused as a bad model`, () => {
    assert.throws(() => parseModelConfig(config), {
      name: "WeftError",
      code: "bad_model",
      message,
    });
  });
}

Deno.test("an end token of the wrong kind names generation_config.json", () => {
  const parse = () => parseModelConfig(LLAMA2, { eos_token_id: "</s>" });
  assert.throws(parse, {
    code: "bad_model",
    message: /generation_config\.json gives eos_token_id/,
  });
});

Deno.test("a config with any field replaced by anything gives a config or the promised error", () => {
  const base: Record<string, unknown> = { ...QWEN3, ...LLAMA3, mlp_bias: false };
  const names = [...Object.keys(base), "layer_types", "rope_parameters", "head_dim"];
  const architectures = fc.constantFrom(LLAMA3, QWEN2, QWEN3, MISTRAL);
  const field = fc.constantFrom(...names);
  const value = fc.oneof(fc.jsonValue(), fc.double(), fc.integer());
  fc.assert(
    fc.property(architectures, field, value, (config, name, replaced) => {
      try {
        const parsed = parseModelConfig({ ...config, [name]: replaced });
        for (const size of [parsed.headDim, parsed.numKvHeads, parsed.vocabSize]) {
          assert.ok(Number.isInteger(size) && size > 0);
        }
      } catch (error) {
        if (!(error instanceof WeftError)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});

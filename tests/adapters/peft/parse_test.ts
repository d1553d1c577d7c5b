import assert from "node:assert/strict";
import {
  type AdapterFiles,
  MAX_WEIGHTS_HEADER_BYTES,
  parsePeftAdapter,
} from "../../../adapters/peft/mod.ts";
import { moduleName } from "../../../adapters/peft/targets.ts";
import { f32ToBf16, f32ToF16 } from "../../../engine/core/dtype.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { parseSafetensors } from "../../../engine/core/safetensors.ts";
import {
  buildSafetensors,
  type TensorInput,
  withHeader,
} from "../../engine/core/safetensors_builder.ts";
import { readAdapter, readFixture, TINY_LLAMA, withConfig } from "../fixtures.ts";

interface Expected {
  adapters: Record<string, Record<string, ExpectedModule>>;
}
interface ExpectedModule {
  rank: number;
  scale: number;
  a: [sum: number, absolute: number, element: number];
  b: [sum: number, absolute: number, element: number];
}

const options = { model: TINY_LLAMA, maxRank: 16 };
const { adapters } = await readFixture<Expected>("expected.json");

function sums(values: Float32Array): [number, number] {
  return [values.reduce((sum, x) => sum + x, 0), values.reduce((sum, x) => sum + Math.abs(x), 0)];
}

for (const [name, expected] of Object.entries(adapters)) {
  Deno.test(`${name}: modules, ranks, scales and values are PEFT's`, async () => {
    const adapter = await parsePeftAdapter(await readAdapter(`good/${name}`), options);
    const found = adapter.modules.map((module) => {
      const { rank, scale, a, b } = module;
      const inSize = a.length / rank;
      return [moduleName(module.layer, module.projection), {
        rank,
        scale,
        a: [...sums(a), a[(rank - 1) * inSize + 1]],
        b: [...sums(b), b[2 * rank - 1]],
      }] as const;
    });
    assert.deepEqual(found.map(([name]) => name).sort(), Object.keys(expected).sort());
    for (const [module, { rank, scale, a, b }] of found) {
      const wanted = expected[module];
      assert.equal(rank, wanted.rank, module);
      assert.ok(Math.abs(scale - wanted.scale) < 1e-12, `${module}: ${scale} ≠ ${wanted.scale}`);
      for (const [got, want] of [[a, wanted.a], [b, wanted.b]]) {
        got.forEach((x, i) =>
          assert.ok(Math.abs(x - want[i]) < 1e-9, `${module}: ${got} ≠ ${want}`)
        );
      }
    }
    assert.equal(adapter.maxRank, Math.max(...Object.values(expected).map(({ rank }) => rank)));
  });
}

const REASONS: Record<string, RegExp> = {
  activated_lora: /activated LoRA \(aLoRA\) \(alora_invocation_tokens is \[5\]\)/,
  bias: /its bias is "lora_only"/,
  deeper_base: /made for another base: it holds "model.layers.3.*this base has 3 layers/,
  dora: /DoRA \(use_dora is true\)/,
  embeddings_saved: /modules saved whole \(modules_to_save is/,
  embeddings_targeted: /targets "model.embed_tokens"/,
  head_targeted: /targets "lm_head"/,
  ia3: /peft_type is "IA3"; only "LORA"/,
  layer_replication: /replicated layers/,
  loha: /peft_type is "LOHA"/,
  lora_bias: /a bias on lora_B/,
  modules_to_save: /modules saved whole/,
  pissa: /init_lora_weights is "pissa", which changes the base's weights/,
  trainable_tokens: /retrained token embeddings/,
  vera: /peft_type is "VERA"/,
  wider_base: /made for another base: .* has shape \[2, 128\]; expected \[2, 64\]/,
};

async function reasonOf(files: AdapterFiles): Promise<string> {
  try {
    await parsePeftAdapter(files, options);
  } catch (error) {
    assert.ok(error instanceof WeftError && error.code === "bad_adapter", String(error));
    return error.message;
  }
  throw new Error("accepted");
}

for (const [name, reason] of Object.entries(REASONS)) {
  Deno.test(`${name} is refused with the reason`, async () => {
    assert.match(await reasonOf(await readAdapter(`refused/${name}`)), reason);
  });
}

for (
  const [what, changes, reason] of [
    ["no peft_type", { peft_type: undefined }, /peft_type is undefined/],
    [
      "another rank than the tensors'",
      { r: 3 },
      /has rank 4 \(shape \[4, 64\]\), but its configuration says 3/,
    ],
    [
      "a target without tensors",
      { target_modules: ["q_proj", "v_proj", "k_proj"] },
      /missing: .*k_proj.* and 3 more/,
    ],
    [
      "tensors without a target",
      { target_modules: ["q_proj"] },
      /tensors that its target_modules do not name/,
    ],
    ["a variant of the future", { use_mystery: true }, /use_mystery is true, a LoRA variant/],
    ["a variant's settings", { mystery_config: { depth: 1 } }, /mystery_config is \{"depth":1\}/],
    ["OLoRA", { init_lora_weights: "OLoRA" }, /changes the base's weights/],
    [
      "LoftQ",
      { init_lora_weights: "loftq", loftq_config: { bits: 4 } },
      /changes the base's weights/,
    ],
    ["fan_in_fan_out", { fan_in_fan_out: true }, /stored transposed/],
    ["an alpha beyond f32", { lora_alpha: 1e300 }, /scaled by 2.5e\+299, which is beyond 32-bit/],
    [
      "one module's alpha beyond f32",
      { alpha_pattern: { q_proj: -1e300 } },
      /q_proj is scaled by -2.5e\+299/,
    ],
    ["target_parameters", { target_parameters: ["mlp.w"] }, /bare parameters/],
  ] as [string, Record<string, unknown>, RegExp][]
) {
  Deno.test(`${what} is refused with the reason`, async () => {
    const files = await readAdapter("good/suffix_list");
    assert.match(await reasonOf(withConfig(files, changes)), reason);
  });
}

Deno.test("keys that matter to training only are accepted", async () => {
  const files = withConfig(await readAdapter("good/suffix_list"), {
    lora_dropout: 0.3,
    init_lora_weights: "eva",
    eva_config: { rho: 2 },
    loftq_config: {},
    corda_config: null,
    megatron_config: { tensor_parallel: 2 },
    megatron_core: "megatron.core",
    modules_to_save: [],
    use_mystery: false,
    unknown_key: "whatever",
  });
  assert.equal((await parsePeftAdapter(files, options)).modules.length, 6);
});

/** The adapter's tensors, changed. */
function withTensors(
  { config, weights }: AdapterFiles,
  change: (tensors: Record<string, TensorInput>) => void,
): AdapterFiles {
  const { tensors } = parseSafetensors(weights, { code: "bad_adapter", label: "fixture" });
  const inputs: Record<string, TensorInput> = {};
  for (const { name, dtype, shape, offset, byteLength } of tensors.values()) {
    inputs[name] = { dtype, shape, data: weights.slice(offset, offset + byteLength) };
  }
  change(inputs);
  return { config, weights: buildSafetensors(inputs) };
}

const FIRST = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";

for (
  const [what, change, reason] of [
    [
      "NaN",
      (t) => new Float32Array(t[FIRST].data.buffer)[7] = NaN,
      /lora_A.weight" holds NaN at element 7/,
    ],
    [
      "infinity",
      (t) => new Float32Array(t[FIRST].data.buffer)[0] = -Infinity,
      /holds -Infinity at element 0/,
    ],
    [
      "a missing tensor",
      (t) => delete t[FIRST],
      /missing: "model.layers.0.self_attn.q_proj.lora_A.weight"$/,
    ],
    [
      "another dtype",
      (t) => t[FIRST] = { dtype: "I32", shape: [4, 64], data: t[FIRST].data },
      /dtype I32; supported are F32/,
    ],
    [
      "three dimensions",
      (t) => t[FIRST] = { ...t[FIRST], shape: [4, 8, 8] },
      /has shape \[4, 8, 8\]; expected \[4, 64\]/,
    ],
    [
      "a thousand dimensions",
      (t) => t[FIRST] = { ...t[FIRST], shape: [4, 64, ...Array(1000).fill(1)] },
      /has shape \[4, 64, 1, 1, 1, 1, 1, 1, and 994 more\]; expected \[4, 64\]$/,
    ],
    [
      "an embedding",
      (t) => t["base_model.model.lm_head.weight"] = t[FIRST],
      /embeddings or a head/,
    ],
    [
      "a magnitude",
      (t) => t[FIRST.replace("lora_A.weight", "lora_magnitude_vector")] = t[FIRST],
      /DoRA magnitudes/,
    ],
    ["a bias", (t) => t[FIRST.replace("lora_A.weight", "lora_B.bias")] = t[FIRST], /holds biases/],
    [
      "a tensor of a norm",
      (t) => t["base_model.model.model.norm.weight"] = t[FIRST],
      /or that this base lacks/,
    ],
    [
      "a tensor twice",
      (t) => t[FIRST.slice("base_model.model.".length)] = t[FIRST],
      /both with and without/,
    ],
  ] as [string, (tensors: Record<string, TensorInput>) => void, RegExp][]
) {
  Deno.test(`${what} is refused with the reason`, async () => {
    const files = await readAdapter("good/suffix_list");
    assert.match(await reasonOf(withTensors(files, change)), reason);
  });
}

Deno.test("a header longer than any adapter needs is refused before it is parsed", async () => {
  const { config } = await readAdapter("good/suffix_list");
  const weights = withHeader("{".repeat(MAX_WEIGHTS_HEADER_BYTES + 1));
  assert.match(
    await reasonOf({ config, weights }),
    /header claims 4000001 bytes; at most 4000000 are allowed/,
  );
});

Deno.test("names without PEFT's prefix are read alike", async () => {
  const files = await readAdapter("good/suffix_list");
  const bare = withTensors(files, (tensors) => {
    for (const [name, tensor] of Object.entries(tensors)) {
      delete tensors[name];
      tensors[name.slice("base_model.model.".length)] = tensor;
    }
  });
  const [a, b] = [await parsePeftAdapter(files, options), await parsePeftAdapter(bare, options)];
  assert.deepEqual(a.modules, b.modules);
  assert.notEqual(a.generation, b.generation);
});

Deno.test("half floats are read exactly", async () => {
  const files = await readAdapter("good/suffix_list");
  for (const [dtype, toHalf] of [["F16", f32ToF16], ["BF16", f32ToBf16]] as const) {
    const halved = withTensors(files, (tensors) => {
      const values = new Float32Array(tensors[FIRST].data.buffer).map((_, i) => i / 4 - 30);
      tensors[FIRST] = { dtype, shape: [4, 64], data: new Uint8Array(toHalf(values).buffer) };
    });
    const [module] = (await parsePeftAdapter(halved, options)).modules;
    assert.deepEqual(module.a, Float32Array.from({ length: 256 }, (_, i) => i / 4 - 30));
  }
});

Deno.test("a generation follows every byte of both files", async () => {
  const files = await readAdapter("good/suffix_list");
  const { generation } = await parsePeftAdapter(files, options);
  assert.match(generation, /^[0-9a-f]{64}$/);
  assert.equal(
    (await parsePeftAdapter(await readAdapter("good/suffix_list"), options)).generation,
    generation,
  );

  const config = new Uint8Array([...files.config, 32]);
  assert.notEqual((await parsePeftAdapter({ ...files, config }, options)).generation, generation);
  const weights = files.weights.slice();
  weights[weights.length - 4] ^= 1;
  assert.notEqual((await parsePeftAdapter({ ...files, weights }, options)).generation, generation);
});

Deno.test("an aborted load stops with the signal's reason", async () => {
  const wide = {
    ...TINY_LLAMA,
    hiddenSize: 1 << 19,
    numHeads: 1,
    headDim: 2,
    numKvHeads: 1,
    numLayers: 2,
  };
  const tensors: Record<string, TensorInput> = {};
  for (const layer of [0, 1]) {
    const name = `model.layers.${layer}.self_attn.q_proj`;
    tensors[`${name}.lora_A.weight`] = {
      dtype: "F32",
      shape: [2, 1 << 19],
      data: new Uint8Array(1 << 22),
    };
    tensors[`${name}.lora_B.weight`] = { dtype: "F32", shape: [2, 2], data: new Uint8Array(16) };
  }
  const { config } = withConfig(await readAdapter("good/suffix_list"), {
    r: 2,
    target_modules: ["q_proj"],
  });
  const files = { config, weights: buildSafetensors(tensors) };
  const controller = new AbortController();
  const parsed = parsePeftAdapter(files, { model: wide, maxRank: 16, signal: controller.signal });
  controller.abort(new Error("gone"));
  await assert.rejects(parsed, { message: "gone" });
});

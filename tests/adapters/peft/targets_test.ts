import assert from "node:assert/strict";
import { parsePeftConfig } from "../../../adapters/peft/mod.ts";
import { moduleName, resolveTargets } from "../../../adapters/peft/targets.ts";
import { PROJECTIONS } from "../../../engine/core/adapter_weights.ts";
import { readFixture, TINY_LLAMA } from "../fixtures.ts";

interface Matching {
  names: string[];
  targets: { config: Record<string, unknown>; matches: number[] }[];
}

const { names, targets } = await readFixture<Matching>("matching.json");
const model = { ...TINY_LLAMA, numLayers: names.length / PROJECTIONS.length };

function resolve(config: Record<string, unknown>, maxRank = 64) {
  const bytes = new TextEncoder().encode(JSON.stringify({ peft_type: "LORA", ...config }));
  return resolveTargets(parsePeftConfig(bytes), { model, maxRank });
}

for (const { config, matches } of targets) {
  const expected = matches.map((index) => names[index]);
  // PEFT's test alone does not look at embeddings; Weft refuses what targets them.
  if (config.target_modules === ".*") config.target_modules = "model\\.layers.*";
  Deno.test(`${JSON.stringify(config)} targets what PEFT targets`, () => {
    if (expected.length === 0) {
      assert.throws(() => resolve(config), { code: "bad_adapter", message: /name no projection/ });
    } else {
      assert.deepEqual(resolve(config).map((module) => module.name).sort(), expected.sort());
    }
  });
}

Deno.test("without target_modules the architecture's default of PEFT holds", () => {
  const found = resolve({ target_modules: null });
  assert.equal(found.length, 2 * model.numLayers);
  assert.deepEqual(new Set(found.map((module) => module.projection)), new Set(["q", "v"]));
});

Deno.test("rank and alpha patterns: the first key that matches wins, scale follows each rank", () => {
  const found = resolve({
    r: 4,
    lora_alpha: 6,
    target_modules: ["q_proj"],
    rank_pattern: { "layers.1.self_attn.q_proj": 2, q_proj: 3 },
    alpha_pattern: { "model\\.layers\\.1\\..*": 5 },
  });
  assert.deepEqual(found.slice(0, 2).map(({ rank, scale }) => [rank, scale]), [[3, 2], [2, 2.5]]);
});

Deno.test("a rank beyond the maximum is refused, and names the module", () => {
  assert.throws(
    () => resolve({ r: 4, rank_pattern: { "3.mlp.up_proj": 96 }, target_modules: ["up_proj"] }),
    {
      code: "bad_adapter",
      message: "rank 96 of model.layers.3.mlp.up_proj exceeds the configured maximum 64",
    },
  );
  assert.equal(resolve({ r: 64 }).length, 24);
});

Deno.test("a rank for each projection of a 126-layer model resolves within the budget", () => {
  const deep = { ...TINY_LLAMA, numLayers: 126 };
  const modules = Array.from(
    { length: 126 },
    (_, layer) => PROJECTIONS.map((p) => moduleName(layer, p)),
  );
  const rank_pattern = Object.fromEntries(
    modules.flat().map((name, index) => [name, 1 + index % 9]),
  );
  const config = { peft_type: "LORA", target_modules: "all-linear", rank_pattern };
  const parsed = parsePeftConfig(new TextEncoder().encode(JSON.stringify(config)));
  const found = resolveTargets(parsed, { model: deep, maxRank: 9 });
  assert.deepEqual(found.map((module) => module.rank), Object.values(rank_pattern));
});

Deno.test("more patterns than modules can need are refused", () => {
  const rank_pattern = Object.fromEntries(Array.from({ length: 2049 }, (_, i) => [`x${i}`, 1]));
  assert.throws(() => resolve({ rank_pattern }), {
    message: /rank_pattern has 2049 entries; at most 2048/,
  });
});

for (
  const [config, reason] of [
    [{ target_modules: ["lm_head", "q_proj"] }, /targets "lm_head"/],
    [{ target_modules: ".*" }, /targets "model.embed_tokens", "lm_head"/],
    [{ target_modules: [] }, /name no projection/],
    [{ target_modules: ".*", layers_to_transform: [1] }, /only with a list/],
    [{ target_modules: ["q_proj"], layers_pattern: "layers" }, /without layers_to_transform/],
    [{ target_modules: ["q_proj"], layers_to_transform: ["1"] }, /layers_to_transform is \["1"\]/],
    [{ layers_to_transform: [1], layers_pattern: "(a|b)" }, /layers_pattern is "\(a\|b\)"/],
    [{ target_modules: 3 }, /target_modules is 3/],
    [{ exclude_modules: [1] }, /exclude_modules is \[1\]/],
    [{ target_modules: "(" }, /pattern "\(" ends too early|unclosed/],
    [{ rank_pattern: { "*": 2 } }, /pattern "\*" repeats nothing/],
    [{ rank_pattern: { q_proj: 0 } }, /rank_pattern\["q_proj"\] is 0/],
    [{ alpha_pattern: { q_proj: "8" } }, /alpha_pattern\["q_proj"\] is "8"/],
    [{ r: 0 }, /its r is 0/],
    [{ r: 2.5 }, /its r is 2.5/],
    [{ r: true }, /its r is true/],
    [{ lora_alpha: null, r: "8" }, /its r is "8"/],
    [{ lora_alpha: "16" }, /its lora_alpha is "16"/],
    [{ use_rslora: 1 }, /its use_rslora is 1/],
  ] as const
) {
  Deno.test(`${JSON.stringify(config)} is refused with the reason`, () => {
    assert.throws(() => resolve(config), { code: "bad_adapter", message: reason });
  });
}

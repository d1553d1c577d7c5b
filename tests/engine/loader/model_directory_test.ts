import assert from "node:assert/strict";
import { join } from "node:path";
import { f16ToF32 } from "../../../engine/core/dtype.ts";
import { openModelDirectory, planWeights } from "../../../engine/loader/mod.ts";

const FIXTURES = "tests/fixtures/models";
const INDEX = "model.safetensors.index.json";
const SHARD = "model-00002-of-00002.safetensors";

/** A copy of a fixture that a test may damage. */
async function withCopy(name: string, use: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir();
  try {
    for await (const entry of Deno.readDir(join(FIXTURES, name))) {
      await Deno.copyFile(join(FIXTURES, name, entry.name), join(path, entry.name));
    }
    await use(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

async function editJson(path: string, change: (json: Json) => void): Promise<void> {
  const json: Json = JSON.parse(await Deno.readTextFile(path));
  change(json);
  await Deno.writeTextFile(path, JSON.stringify(json));
}
interface Json {
  weight_map: Record<string, unknown>;
}

Deno.test("a model of one file opens with its configurations", async () => {
  using model = await openModelDirectory(join(FIXTURES, "llama"));
  assert.equal(model.config.numLayers, 3);
  assert.equal(model.generationConfig["eos_token_id"], 2);
  assert.deepEqual(model.tensor("lm_head.weight").shape, [256, 64]);
});

Deno.test("tensors of a sharded model are read from the shard that has them", async () => {
  using model = await openModelDirectory(join(FIXTURES, "llama-tied"));
  planWeights(model.config, model.tensors);
  for (const name of ["model.embed_tokens.weight", "model.norm.weight"]) {
    const values = await model.read(name);
    const { data } = (await Array.fromAsync(model.chunks(name, { target: "f16" })))[0];
    assert.deepEqual(f16ToF32(data), values, "the file is F16, so both ways are exact");
    assert.ok(values.some((value) => value !== 0));
  }
});

Deno.test("a model without generation_config.json has an empty one", async () => {
  await withCopy("llama", async (path) => {
    await Deno.remove(join(path, "generation_config.json"));
    using model = await openModelDirectory(path);
    assert.deepEqual(model.generationConfig, {});
    assert.deepEqual(model.config.eosTokenIds, [2]);
  });
});

Deno.test("a tensor that is not there is named", async () => {
  using model = await openModelDirectory(join(FIXTURES, "llama"));
  const message = /Cannot load model\.x: .*llama has no such tensor/;
  assert.throws(() => model.tensor("model.x"), { code: "bad_model", message });
});

const DAMAGED: [
  what: string,
  model: string,
  damage: (path: string) => Promise<void>,
  message: RegExp,
][] = [
  [
    "without config.json",
    "llama",
    (path) => Deno.remove(join(path, "config.json")),
    /has no config\.json/,
  ],
  [
    "whose config.json is no JSON",
    "llama",
    (path) => Deno.writeTextFile(join(path, "config.json"), "{]"),
    /Cannot read .*config\.json: /,
  ],
  [
    "without weights",
    "llama",
    (path) => Deno.remove(join(path, "model.safetensors")),
    /neither model\.safetensors nor model\.safetensors\.index\.json/,
  ],
  [
    "whose weights are cut off",
    "llama",
    (path) => Deno.truncate(join(path, "model.safetensors"), 100_000),
    /Cannot read .*model\.safetensors as safetensors: its tensors take 250\d\d\d bytes of/,
  ],
  [
    "whose shard is missing",
    "llama-tied",
    (path) => Deno.remove(join(path, SHARD)),
    /index\.json names model-00002-of-00002\.safetensors, which is not there/,
  ],
  [
    "whose index puts a tensor in the wrong shard",
    "llama-tied",
    (path) =>
      editJson(join(path, INDEX), ({ weight_map }) => {
        weight_map["model.embed_tokens.weight"] = SHARD;
      }),
    /does not list model\.embed_tokens\.weight|puts model\.embed_tokens\.weight in/,
  ],
  [
    "whose index forgets a tensor",
    "llama-tied",
    (path) =>
      editJson(join(path, INDEX), ({ weight_map }) => {
        delete weight_map["model.norm.weight"];
      }),
    /does not list model\.norm\.weight, which model-00002/,
  ],
  [
    "whose index leads out of the directory",
    "llama-tied",
    (path) =>
      editJson(join(path, INDEX), ({ weight_map }) => {
        weight_map["model.norm.weight"] = "../secret.safetensors";
      }),
    /puts model\.norm\.weight in "\.\.\/secret\.safetensors"; a file name like/,
  ],
  [
    "whose index is empty",
    "llama-tied",
    (path) => Deno.writeTextFile(join(path, INDEX), '{"weight_map": {}}'),
    /weight_map is empty/,
  ],
  [
    "whose index has no map",
    "llama-tied",
    (path) => Deno.writeTextFile(join(path, INDEX), "[]"),
    /weight_map is not an object/,
  ],
  [
    "whose index names a tensor twice",
    "llama-tied",
    (path) => Deno.writeTextFile(join(path, INDEX), '{"weight_map": {"a": "b", "a": "c"}}'),
    /key "a" appears twice/,
  ],
];

for (const [what, name, damage, message] of DAMAGED) {
  Deno.test(`a model ${what} is refused`, async () => {
    await withCopy(name, async (path) => {
      await damage(path);
      await assert.rejects(openModelDirectory(path), { code: "bad_model", message });
    });
  });
}

Deno.test("a directory that is not there is refused", async () => {
  const expected = {
    code: "bad_model",
    message: /Cannot open the model nowhere: it has no config/,
  };
  await assert.rejects(openModelDirectory("nowhere"), expected);
});

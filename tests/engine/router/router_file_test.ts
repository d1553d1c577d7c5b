import assert from "node:assert/strict";
import { WeftError } from "../../../engine/core/errors.ts";
import { readRouterFile } from "../../../engine/router/mod.ts";
import { vocabularyHash } from "../../../engine/tokenizer/vocabulary_hash.ts";
import { INT64, type ModelOutline } from "./onnx_writer.ts";
import { metadataOf, tinyRouter } from "./tiny_router.ts";

const FIXTURE = await Deno.readFile(
  new URL("../../fixtures/router/router.onnx", import.meta.url),
);

Deno.test("a router file tells its labels, settings and tokenizer", () => {
  const file = readRouterFile(FIXTURE);
  assert.equal(file.labels.length, 40);
  assert.equal(file.temperature, 1.5);
  assert.equal(file.features, 48);
  const tokens = Array.from({ length: 512 }, (_, id) => `token${id}`);
  assert.equal(file.tokenizer, vocabularyHash(tokens));
});

const DEVIATIONS: [from: string, to: string, message: RegExp][] = [
  ["router/1", "router/2", /weft\.format is "router\/2"/],
  ["weft.tokenizer", "weft.tokenizes", /weft\.tokenizer is missing/],
  ["weft.top_p", "weft.tap_p", /weft\.top_p is missing/],
  ["task-12", "task-11", /names an adapter twice/],
  ["input_ids", "input_idx", /its inputs are/],
  ["attention_mask", "attention_musk", /its inputs are/],
];

for (const [from, to, message] of DEVIATIONS) {
  Deno.test(`a router file with ${to} for ${from} is refused`, () => {
    assert.throws(() => readRouterFile(replaced(from, to)), (error: unknown) => {
      assert.ok(error instanceof WeftError);
      assert.equal(error.reason, "bad_router");
      assert.match(error.message, message);
      return true;
    });
  });
}

Deno.test("cut and mutated router files are read or refused, never anything else", () => {
  let seed = 1;
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below;
  for (let round = 0; round < 400; round++) {
    const data = FIXTURE.slice(0, round % 2 ? random(FIXTURE.length) : FIXTURE.length);
    for (let i = 0; i < 4 && data.length > 0; i++) {
      // Half of the mutations hit the last 4 kB, where the structure and the metadata are.
      const near = Math.min(data.length, random(2) ? 4096 : data.length);
      data[data.length - 1 - random(near)] = random(256);
    }
    try {
      readRouterFile(data);
    } catch (error) {
      assert.ok(error instanceof WeftError, String(error));
      assert.equal(error.reason, "bad_router");
    }
  }
});

const REFUSED: [name: string, change: (model: ModelOutline) => void, message: RegExp][] = [
  ["an unknown operator", (m) => m.nodes[6].op = "Divide", /operator "Divide", which a router may/],
  ["a loop", (m) => m.nodes[6].op = "Loop", /operator "Loop"/],
  ["an operator of another domain", (m) => m.nodes[6].domain = "com.microsoft", /domain "com\./],
  ["a cycle", (m) => m.nodes[0].inputs[0] = "sum", /"Gather" takes value "sum", which nothing/],
  ["a value made twice", (m) => m.nodes[1].outputs = ["tokens"], /value "tokens" is made twice/],
  ["an output that nothing makes", (m) => void m.nodes.pop(), /output "logits" is made by no/],
  [
    "weights in another file",
    (m) => m.constants.table.external = true,
    /"table" is kept in another/,
  ],
  [
    "weights larger than the file",
    (m) => m.constants.table.dims = [1e9, 1e9],
    /\[1000000000, 10000/,
  ],
  ["weights of a negative size", (m) => m.constants.table.dims = [-8, -3], /not what is there/],
  ["weights smaller than there", (m) => m.constants.table.dims = [7, 3], /needs 84 bytes/],
  [
    "references without features",
    (m) => m.metadata["weft.references"] = "{}",
    /weft\.references, but no output features/,
  ],
  ["empty weights", (m) => m.constants.table = { dims: [0, 3], values: [] }, /"table" is empty/],
  ["nine axes", (m) => m.constants.table.dims = [8, 3, 1, 1, 1, 1, 1, 1, 1], /has 9 axes/],
  ["int64 ids", (m) => m.inputs.input_ids.type = INT64, /input input_ids must be int32/],
  ["a fixed batch", (m) => m.inputs.input_ids.shape = [1, "sequence"], /both axes dynamic/],
  [
    "a third input",
    (m) => m.inputs.more = { type: 1, shape: [1] },
    /inputs are "attention_mask, in/,
  ],
  [
    "513 classes",
    (m) => Object.assign(m.metadata, metadataOf(513)),
    /list of 1 to 512 adapter names/,
  ],
  [
    "more labels than classes",
    (m) => Object.assign(m.metadata, metadataOf(4)),
    /3 classes, but .* 4/,
  ],
  [
    "another output",
    (m) => m.outputs.probs = { type: 1, shape: ["batch", 3] },
    /"logits, probs", not/,
  ],
  [
    "wide features",
    (m) => m.outputs.features = { type: 1, shape: ["b", 1025] },
    /size 1025; 1 to 1024/,
  ],
  ["1025 nodes", (m) => m.nodes.push(...chain(1018)), /1025 nodes; at most 1024/],
  ["a temperature of 0", (m) => m.metadata["weft.temperature"] = "0", /weft\.temperature is "0"/],
  ["a label twice", (m) => m.metadata["weft.labels"] = '["a","a","b"]', /names an adapter twice/],
  ["labels that are no JSON", (m) => m.metadata["weft.labels"] = "a,b,c", /not a JSON list/],
  ["half a token", (m) => m.metadata["weft.max_tokens"] = "0.5", /weft\.max_tokens is "0\.5"/],
];

for (const [name, change, message] of REFUSED) {
  Deno.test(`a router file with ${name} is refused`, () => {
    assert.throws(() => readRouterFile(tinyRouter(change)), { reason: "bad_router", message });
  });
}

Deno.test("a file of more than 256 MB or full of empty entries is refused without reading it all", () => {
  const large = new Uint8Array(256 * 1024 * 1024 + 1);
  assert.throws(() => readRouterFile(large), /has 268435457 bytes; at most 268435456/);
  // A graph of nothing but empty nodes, in memory each of them many times its two bytes.
  const empty = new Uint8Array(1 << 20).map((_, i) => i % 2 ? 0 : 10);
  const size = [0x80, 0x80, 0x40];
  const file = new Uint8Array([58, ...size, ...empty]);
  assert.throws(() => readRouterFile(file), /a list has more than 8192 entries/);
});

function chain(length: number) {
  return Array.from({ length }, (_, i) => ({
    op: "Relu",
    inputs: [i === 0 ? "sum" : `relu${i - 1}`],
    outputs: [`relu${i}`],
  }));
}

/** The fixture with every occurrence of a text replaced by one of the same length. */
function replaced(from: string, to: string): Uint8Array {
  const padded = to.padEnd(from.length, "_");
  const text = new TextDecoder("latin1").decode(FIXTURE);
  assert.ok(text.includes(from));
  const data = FIXTURE.slice();
  for (let at = indexOf(data, from, 0); at >= 0; at = indexOf(data, from, at + 1)) {
    data.set(new TextEncoder().encode(padded), at);
  }
  return data;
}

function indexOf(data: Uint8Array, text: string, start: number): number {
  const bytes = new TextEncoder().encode(text);
  for (let at = data.indexOf(bytes[0], start); at >= 0; at = data.indexOf(bytes[0], at + 1)) {
    if (bytes.every((byte, i) => data[at + i] === byte)) return at;
  }
  return -1;
}

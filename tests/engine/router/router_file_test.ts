import assert from "node:assert/strict";
import { WeftError } from "../../../engine/core/errors.ts";
import { readRouterFile, vocabularyHash } from "../../../engine/router/mod.ts";

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

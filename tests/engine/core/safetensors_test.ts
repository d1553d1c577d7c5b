import assert from "node:assert/strict";
import fc from "fast-check";
import { FileSource, MemorySource } from "../../../engine/core/byte_source.ts";
import { decodeF32 } from "../../../engine/core/dtype.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { parseSafetensors, readSafetensors } from "../../../engine/core/safetensors.ts";
import { buildSafetensors, withHeader } from "./safetensors_builder.ts";

const OPTIONS = { code: "bad_adapter", label: "x.safetensors" } as const;

Deno.test("a file of several dtypes and shapes is read", () => {
  const bytes = buildSafetensors({
    a: { dtype: "F32", shape: [2, 3], data: new Uint8Array(24) },
    scalar: { dtype: "I64", shape: [], data: new Uint8Array(8) },
    empty: { dtype: "BF16", shape: [4, 0], data: new Uint8Array(0) },
    half: { dtype: "F16", shape: [5], data: new Uint8Array(10) },
  }, { metadata: { format: "pt" } });
  const { tensors, metadata } = parseSafetensors(bytes, OPTIONS);
  assert.deepEqual([...metadata], [["format", "pt"]]);
  const dataStart = bytes.length - 42;
  assert.deepEqual(tensors.get("a"), {
    name: "a",
    dtype: "F32",
    shape: [2, 3],
    elements: 6,
    offset: dataStart,
    byteLength: 24,
  });
  assert.equal(tensors.get("scalar")?.elements, 1);
  assert.equal(tensors.get("empty")?.elements, 0);
  assert.equal(tensors.get("half")?.offset, dataStart + 32);
});

Deno.test("a file is the same read from disk and from memory", async () => {
  const path = "tests/fixtures/models/llama/model.safetensors";
  using file = await FileSource.open(path);
  const fromDisk = await readSafetensors(file, OPTIONS);
  const bytes = await Deno.readFile(path);
  assert.deepEqual(fromDisk, parseSafetensors(bytes, OPTIONS));
  assert.equal(fromDisk.tensors.size, 30);
  const norm = fromDisk.tensors.get("model.norm.weight")!;
  assert.equal(norm.dtype, "BF16");
  assert.deepEqual(norm.shape, [64]);
  const values = decodeF32("BF16", await file.read(norm.offset, norm.byteLength));
  const mean = values.reduce((sum, value) => sum + value) / 64;
  assert.ok(Math.abs(mean - 1) < 0.2, `norm weights scatter around 1, got ${mean}`);
});

Deno.test("an empty file with an empty header is a safetensors file without tensors", () => {
  assert.equal(parseSafetensors(withHeader("{}"), OPTIONS).tensors.size, 0);
});

Deno.test("names that objects inherit are plain names", () => {
  const tensor = { dtype: "U8", shape: [1], data: Uint8Array.of(7) } as const;
  const names = ["__proto__", "constructor", "toString"];
  const bytes = buildSafetensors(Object.fromEntries(names.map((name) => [name, tensor])));
  assert.deepEqual([...parseSafetensors(bytes, OPTIONS).tensors.keys()], names);
});

const F32_PAIR = { dtype: "F32", shape: [2] };
const REFUSED: [what: string, bytes: Uint8Array, reason: RegExp][] = [
  ["too short for a length", new Uint8Array(7), /7 bytes are too few/],
  ["empty", new Uint8Array(0), /0 bytes are too few/],
  ["with a header beyond the file", withHeader("{}", { claim: 3n }), /claims 3 bytes, but .* 10/],
  ["with a header over 25 MB", withHeader("{}", { claim: 25_000_001n }), /at most 25000000/],
  ["with a header of 2⁶⁴−1 bytes", withHeader("{}", { claim: 2n ** 64n - 1n }), /184467440737/],
  ["whose header is no JSON", withHeader("{]"), /not valid JSON/],
  ["whose header is empty", withHeader(""), /not valid JSON/],
  ["whose header is no object", withHeader("[]"), /not a JSON object/],
  ["whose header is null", withHeader("null"), /not a JSON object/],
  ["whose header starts with a byte order mark", withHeader("\ufeff{}"), /not valid JSON/],
  ["whose header is no UTF-8", withHeader(Uint8Array.of(0x22, 0xff, 0x22)), /not valid JSON/],
  ["with a tensor named twice", withHeader('{"a":{},"a":{}}'), /key "a" appears twice/],
  ["with a tensor that is no object", withHeader('{"a":3}'), /"a" is not described by an object/],
  ["with an unknown dtype", tensorFile({ ...F32_PAIR, dtype: "F4" }), /has dtype "F4"; known are/],
  ["with an inherited dtype", tensorFile({ ...F32_PAIR, dtype: "constructor" }), /has dtype/],
  ["without a dtype", tensorFile({ shape: [2] }), /has dtype missing/],
  ["with an unknown field", tensorFile({ ...F32_PAIR, bits: 4 }), /unknown field "bits"/],
  ["with a negative size", tensorFile({ ...F32_PAIR, shape: [-1] }), /has shape \[-1\]/],
  ["with a fractional size", tensorFile({ ...F32_PAIR, shape: [0.5] }), /has shape \[0.5\]/],
  ["with an unsafe size", tensorFile({ ...F32_PAIR, shape: [2 ** 53] }), /has shape/],
  [
    "whose shape's product overflows",
    tensorFile({ ...F32_PAIR, shape: [2 ** 40, 2 ** 40] }),
    /needs Infinity bytes, not 8/,
  ],
  ["whose shape is no list", tensorFile({ ...F32_PAIR, shape: 2 }), /has shape 2/],
  ["with the wrong byte length", tensorFile({ ...F32_PAIR, shape: [3] }), /needs 12 bytes, not 8/],
  ["with offsets the wrong way", tensorFile({ ...F32_PAIR, data_offsets: [8, 0] }), /a begin and/],
  ["with one offset", tensorFile({ ...F32_PAIR, data_offsets: [8] }), /a begin and an end/],
  ["with a negative offset", tensorFile({ ...F32_PAIR, data_offsets: [-8, 0] }), /data_offsets/],
  [
    "with a gap at the start",
    tensorFile({ ...F32_PAIR, data_offsets: [1, 9] }),
    /gap before byte 0/,
  ],
  ["with bytes left over", tensorFile(F32_PAIR, { dataBytes: 9 }), /take 8 bytes of 9/],
  ["with data cut off", tensorFile(F32_PAIR, { dataBytes: 7 }), /take 8 bytes of 7/],
  [
    "with overlapping tensors",
    withHeader(
      '{"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},' +
        '"b":{"dtype":"U8","shape":[4],"data_offsets":[2,6]}}',
      { dataBytes: 6 },
    ),
    /"b" starts at data byte 2, which overlaps byte 4/,
  ],
  [
    "with a dtype nested a million deep",
    withHeader(`{"a":{"dtype":${"[".repeat(1e6)}${"]".repeat(1e6)}}}`),
    /has dtype \[\[\[+…; known are/,
  ],
  ["with metadata that is no text", withHeader('{"__metadata__":{"a":1}}'), /only strings/],
  ["with metadata that is no object", withHeader('{"__metadata__":[]}'), /__metadata__ is not/],
];

for (const [what, bytes, reason] of REFUSED) {
  Deno.test(`a file ${what} is refused`, async () => {
    const check = (error: unknown) => {
      assert.ok(error instanceof WeftError);
      assert.equal(error.code, "bad_adapter");
      assert.match(error.message, /^Cannot read x\.safetensors as safetensors: /);
      assert.match(error.message, reason);
      return true;
    };
    assert.throws(() => parseSafetensors(bytes, OPTIONS), check);
    await assert.rejects(readSafetensors(new MemorySource(new Uint8Array(bytes)), OPTIONS), check);
  });
}

Deno.test("the error carries the code its caller chose", () => {
  const options = { code: "bad_model", label: "m" } as const;
  assert.throws(() => parseSafetensors(new Uint8Array(1), options), { code: "bad_model" });
});

/** Anything goes, as long as it is a result or the promised error. */
function survives(bytes: Uint8Array): void {
  try {
    const { tensors } = parseSafetensors(bytes, OPTIONS);
    for (const { offset, byteLength } of tensors.values()) {
      assert.ok(offset >= 8 && offset + byteLength <= bytes.length);
    }
  } catch (error) {
    if (!(error instanceof WeftError && error.code === "bad_adapter")) throw error;
  }
}

Deno.test("random bytes never get past the parser's own error", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), survives), { numRuns: 2000 });
});

Deno.test("random JSON headers never get past the parser's own error", () => {
  fc.assert(fc.property(fc.json(), (json) => survives(withHeader(json))), { numRuns: 2000 });
});

Deno.test("headers that are nearly right never get past the parser's own error", () => {
  const size = fc.oneof(fc.nat(9), fc.constantFrom(-1, 1.5, 2 ** 31, 2 ** 53, 1e300), fc.string());
  const entry = fc.record({
    dtype: fc.oneof(fc.constantFrom("F32", "BF16", "U8", "I64", "X"), fc.anything()),
    shape: fc.oneof(fc.array(size, { maxLength: 4 }), fc.anything()),
    data_offsets: fc.oneof(fc.array(size, { minLength: 2, maxLength: 2 }), fc.anything()),
  }, { requiredKeys: [] });
  const header = fc.dictionary(fc.string(), entry, { maxKeys: 4 });
  fc.assert(
    fc.property(header, fc.nat(64), (entries, dataBytes) => {
      let json: string;
      try {
        json = JSON.stringify(entries);
      } catch {
        return; // Bigints and cycles have no JSON.
      }
      survives(withHeader(json, { dataBytes }));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("a valid file with any one byte changed never gets past the parser's own error", () => {
  const valid = buildSafetensors({
    a: { dtype: "F32", shape: [1, 2], data: new Uint8Array(8) },
    b: { dtype: "U8", shape: [3], data: new Uint8Array(3) },
  });
  for (let i = 0; i < valid.length; i++) {
    for (const value of [0, 0x20, 0x22, 0x2c, 0x31, 0x7b, 0x7d, 0xff]) {
      const changed = valid.slice();
      changed[i] = value;
      survives(changed);
    }
    survives(valid.subarray(0, i));
  }
});

/** A file with one tensor "a" at data bytes 0 to 8, unless said otherwise. */
function tensorFile(entry: object, { dataBytes = 8 } = {}): Uint8Array {
  return withHeader(JSON.stringify({ a: { data_offsets: [0, 8], ...entry } }), { dataBytes });
}

import assert from "node:assert/strict";
import { type ByteSource, MemorySource } from "../../../engine/core/byte_source.ts";
import { bf16ToF32, decodeF32, f32ToBf16, f32ToF16 } from "../../../engine/core/dtype.ts";
import { parseSafetensors } from "../../../engine/core/safetensors.ts";
import { readChunks } from "../../../engine/loader/tensor_reader.ts";
import { buildSafetensors } from "../core/safetensors_builder.ts";

const ROWS = 37;
const COLS = 20;
const VALUES = Float32Array.from({ length: ROWS * COLS }, (_, i) => Math.sin(i) * 100);

const STORED = {
  F32: new Uint8Array(VALUES.buffer),
  F16: new Uint8Array(f32ToF16(VALUES).buffer),
  BF16: new Uint8Array(f32ToBf16(VALUES).buffer),
};

/** One tensor "t" in a file. */
function tensorFile(dtype: string, data: Uint8Array, shape = [ROWS, COLS]) {
  const bytes = buildSafetensors({ t: { dtype, shape, data } });
  const { tensors } = parseSafetensors(bytes, { code: "bad_model", label: "test" });
  return { source: new MemorySource(bytes), tensor: tensors.get("t")! };
}

for (const dtype of ["F32", "F16", "BF16"] as const) {
  for (const target of ["f16", "f32"] as const) {
    Deno.test(`${dtype} in chunks of any size gives the same ${target} values`, async () => {
      const { source, tensor } = tensorFile(dtype, STORED[dtype]);
      const exact = decodeF32(dtype, STORED[dtype]);
      const expected = target === "f16" ? f32ToF16(exact) : exact;
      for (const maxBytes of [16, 100, 999, 1 << 20]) {
        const whole = expected.slice().fill(0);
        let end = 0;
        for await (
          const { offsetElements, data } of readChunks(source, { tensor, target, maxBytes })
        ) {
          assert.equal(offsetElements, end, "chunks follow each other");
          assert.ok(data.byteLength <= maxBytes);
          whole.set(data, offsetElements);
          end += data.length;
        }
        assert.equal(end, ROWS * COLS);
        assert.deepEqual(whole, expected);
      }
    });
  }
}

Deno.test("a range of rows is read alone, with offsets from its first row", async () => {
  const { source, tensor } = tensorFile("F32", STORED.F32);
  const rows = { begin: 3, end: 11 };
  const options = { tensor, target: "f32", maxBytes: 256, rows } as const;
  const chunks = await Array.fromAsync(readChunks(source, options));
  assert.deepEqual(chunks.map(({ offsetElements }) => offsetElements), [0, 64, 128]);
  const joined = chunks.flatMap(({ data }) => [...data]);
  assert.deepEqual(joined, [...VALUES.subarray(3 * COLS, 11 * COLS)]);
});

Deno.test("an empty range and an empty tensor give no chunks", async () => {
  const { source, tensor } = tensorFile("F32", STORED.F32);
  const none = { tensor, target: "f32", rows: { begin: 5, end: 5 } } as const;
  assert.deepEqual(await Array.fromAsync(readChunks(source, none)), []);
  const empty = tensorFile("F32", new Uint8Array(0), [0, COLS]);
  const all = { tensor: empty.tensor, target: "f32" } as const;
  assert.deepEqual(await Array.fromAsync(readChunks(empty.source, all)), []);
});

Deno.test("rows outside the tensor are refused", async () => {
  const { source, tensor } = tensorFile("F32", STORED.F32);
  for (const rows of [{ begin: -1, end: 2 }, { begin: 0, end: 38 }, { begin: 3, end: 2 }]) {
    const read = Array.fromAsync(readChunks(source, { tensor, target: "f32", rows }));
    await assert.rejects(read, /of t, which has 37/);
  }
});

Deno.test("a value beyond f16 names its tensor and the way out, and is fine as f32", async () => {
  const values = VALUES.slice();
  values[700] = 70_000;
  const { source, tensor } = tensorFile("BF16", new Uint8Array(f32ToBf16(values).buffer));
  const asF16 = Array.fromAsync(readChunks(source, { tensor, target: "f16", maxBytes: 512 }));
  const message =
    /Cannot load t: it holds 70144, beyond f16's largest value 65504: use --dtype f32/;
  await assert.rejects(asF16, { code: "bad_model", message });
  const asF32 = await Array.fromAsync(readChunks(source, { tensor, target: "f32" }));
  assert.deepEqual(asF32[0].data, bf16ToF32(f32ToBf16(values)));
});

Deno.test("NaN and infinity are refused in either form", async () => {
  for (const [value, dtype] of [[NaN, "F32"], [-Infinity, "F32"], [NaN, "BF16"]] as const) {
    const values = VALUES.slice();
    values[9] = value;
    const data = dtype === "F32" ? values : f32ToBf16(values);
    const { source, tensor } = tensorFile(dtype, new Uint8Array(data.buffer));
    for (const target of ["f16", "f32"] as const) {
      const read = Array.fromAsync(readChunks(source, { tensor, target }));
      const message = new RegExp(`Cannot load t: it holds ${value}: the file is damaged`);
      await assert.rejects(read, { code: "bad_model", message });
    }
  }
});

Deno.test("integers are not converted", async () => {
  const { source, tensor } = tensorFile("I32", STORED.F32);
  const read = Array.fromAsync(readChunks(source, { tensor, target: "f32" }));
  await assert.rejects(read, { code: "bad_model", message: /Cannot convert t from I32 to f32/ });
});

Deno.test("a read that fails while the caller works on a chunk is reported at the next one", async () => {
  const { source, tensor } = tensorFile("F32", STORED.F32);
  let reads = 0;
  const failing: ByteSource = {
    size: source.size,
    read: (offset, length) =>
      ++reads === 2 ? Promise.reject(new Error("disk gone")) : source.read(offset, length),
  };
  const chunks = readChunks(failing, { tensor, target: "f32", maxBytes: 400 });
  assert.equal((await chunks.next()).done, false);
  await new Promise((resolve) => setTimeout(resolve, 5));
  await assert.rejects(chunks.next(), { code: "bad_model", message: /Cannot read t: .*disk gone/ });
});

Deno.test("a caller that stops early leaves no read behind", async () => {
  const { source, tensor } = tensorFile("F32", STORED.F32);
  let open = 0;
  const counted: ByteSource = {
    size: source.size,
    async read(offset, length) {
      open++;
      await new Promise((resolve) => setTimeout(resolve, 5));
      open--;
      return await source.read(offset, length);
    },
  };
  for await (const _ of readChunks(counted, { tensor, target: "f32", maxBytes: 400 })) break;
  assert.equal(open, 0);
});

Deno.test("no more than one chunk is read ahead", async () => {
  const { source, tensor } = tensorFile("F32", STORED.F32);
  let reads = 0;
  const counted: ByteSource = {
    size: source.size,
    read: (offset, length) => (reads++, source.read(offset, length)),
  };
  const chunks = readChunks(counted, { tensor, target: "f32", maxBytes: 400 });
  await chunks.next();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.equal(reads, 2);
  await chunks.return(undefined);
});

Deno.test("an aborted signal ends the reading", async () => {
  const { source, tensor } = tensorFile("F32", STORED.F32);
  const controller = new AbortController();
  const { signal } = controller;
  const chunks = readChunks(source, { tensor, target: "f32", maxBytes: 400, signal });
  await chunks.next();
  controller.abort(new Error("enough"));
  await assert.rejects(chunks.next(), /enough/);
});

Deno.test("a chunk too small for one vector is refused", async () => {
  const { source, tensor } = tensorFile("F32", STORED.F32);
  const read = Array.fromAsync(readChunks(source, { tensor, target: "f32", maxBytes: 15 }));
  await assert.rejects(read, /maxBytes 15; at least 16/);
});

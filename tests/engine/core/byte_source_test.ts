import assert from "node:assert/strict";
import { FileSource, MemorySource } from "../../../engine/core/byte_source.ts";

const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => i * 7);

async function withFile(use: (file: FileSource) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempFile();
  try {
    await Deno.writeFile(path, BYTES);
    using file = await FileSource.open(path);
    await use(file);
  } finally {
    await Deno.remove(path);
  }
}

Deno.test("a file and memory give the same bytes", async () => {
  const memory = new MemorySource(BYTES);
  await withFile(async (file) => {
    assert.equal(file.size, memory.size);
    for (const [offset, length] of [[0, 1000], [0, 0], [1000, 0], [3, 5], [999, 1]]) {
      assert.deepEqual(await file.read(offset, length), BYTES.slice(offset, offset + length));
      assert.deepEqual(await memory.read(offset, length), BYTES.slice(offset, offset + length));
    }
  });
});

Deno.test("reads of one file that overlap in time do not mix", async () => {
  await withFile(async (file) => {
    const offsets = Array.from({ length: 50 }, (_, i) => (i * 337) % 900);
    const results = await Promise.all(offsets.map((offset) => file.read(offset, 100)));
    results.forEach((bytes, i) => {
      assert.deepEqual(bytes, BYTES.slice(offsets[i], offsets[i] + 100));
    });
  });
});

Deno.test("reading past the end is refused, and the next read works", async () => {
  const memory = new MemorySource(BYTES);
  await assert.rejects(memory.read(999, 2), /cannot read 2 bytes at 999 of 1000/);
  await withFile(async (file) => {
    await assert.rejects(file.read(999, 2), /cannot read 2 bytes at 999 of 1000/);
    assert.deepEqual(await file.read(998, 2), BYTES.slice(998));
  });
});

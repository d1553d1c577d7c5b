import assert from "node:assert/strict";
import { join } from "node:path";
import { FileSink, MemorySink, writeError } from "../../../adapters/download/mod.ts";
import { withTempDir } from "./support.ts";

const TEXT = new TextEncoder().encode("0123456789");

Deno.test("a file holds what was written since the last reset, and nothing of before", async () => {
  await withTempDir(async (directory) => {
    const path = join(directory, "file");
    await Deno.writeTextFile(path, "what lay there before, and was longer");
    using sink = await FileSink.create(path);
    await sink.write(TEXT);
    assert.equal(sink.length, 10);
    await sink.reset();
    assert.equal(sink.length, 0);
    await sink.write(TEXT.subarray(0, 3));
    assert.equal(await Deno.readTextFile(path), "012");
  });
});

Deno.test("memory holds what was written since the last reset", async () => {
  const sink = new MemorySink();
  await sink.write(TEXT);
  await sink.reset();
  await sink.write(TEXT.subarray(0, 3));
  await sink.write(TEXT.subarray(7));
  assert.equal(new TextDecoder().decode(sink.bytes), "012789");
});

Deno.test("memory keeps copies, however small the pieces", async () => {
  const sink = new MemorySink();
  const piece = new Uint8Array(1);
  for (let i = 0; i < 100_000; i++) {
    piece[0] = i;
    await sink.write(piece);
  }
  assert.equal(sink.length, 100_000);
  assert.ok(sink.bytes.every((byte, i) => byte === i % 256));
});

Deno.test("a full disk is told from other failures, and neither shows a path", async () => {
  for (const code of ["ENOSPC", "EDQUOT"]) {
    const full = writeError(Object.assign(new Error("write '/secret/path'"), { code }));
    assert.equal(full.reason, "disk_full");
    assert.doesNotMatch(full.message, /secret/);
  }
  await withTempDir(async (directory) => {
    await assert.rejects(FileSink.create(join(directory, "missing", "file")), (error: Error) => {
      assert.match(error.message, /cannot be written \(ENOENT\)/);
      assert(!error.message.includes(directory));
      return true;
    });
  });
});

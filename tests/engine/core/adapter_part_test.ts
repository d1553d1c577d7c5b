import assert from "node:assert/strict";
import { cutPart } from "../../../engine/core/adapter_part.ts";
import type { AdapterWeights } from "../../../engine/core/adapter_weights.ts";

/** Modules of these many f32 values, all views of one buffer, as a file is read. */
function adapter(sizes: number[]): AdapterWeights {
  const all = Float32Array.from({ length: sizes.reduce((a, b) => a + b) }, (_, i) => i);
  let at = 0;
  const modules = sizes.map((size, layer) => ({
    layer,
    projection: "q" as const,
    rank: 1,
    scale: 2,
    a: all.subarray(at, at + 1),
    b: all.subarray(at + 1, at += size),
  }));
  return { generation: "g", maxRank: 1, modules };
}

Deno.test("the parts of an adapter are all its modules in order, in as many bytes as allowed", () => {
  const weights = adapter([3, 3, 3, 9, 2, 2, 2, 2, 1]);
  const first = cutPart(weights, { from: 0, maxBytes: 28 });
  assert.deepEqual(first.whole!.starts, [0, 2, 3, 4, 7]);
  assert.deepEqual(
    first.whole!.header,
    { maxRank: 1, modules: weights.modules.map(({ a: _, b: __, ...shape }) => shape) },
  );
  const parts = first.whole!.starts.map((from) => cutPart(weights, { from, maxBytes: 28 }));
  assert.deepEqual(parts.map(({ modules }) => modules.length), [2, 1, 1, 3, 2]);
  assert.deepEqual(parts.flatMap(({ modules }) => modules), weights.modules);
  assert.ok(parts.slice(1).every(({ whole }) => whole === undefined));
});

Deno.test("a part owns its memory, and no more than its modules need", () => {
  const weights = adapter([3, 5]);
  const { modules } = cutPart(weights, { from: 0 });
  assert.deepEqual(modules.map(({ a, b }) => a.buffer.byteLength + b.buffer.byteLength), [12, 20]);
  structuredClone(null, { transfer: modules.map(({ b }) => b.buffer as ArrayBuffer) });
  assert.deepEqual(weights.modules[1].b, Float32Array.of(4, 5, 6, 7));
});

Deno.test("a part that starts nowhere is an error that says where parts start", () => {
  const weights = adapter([3, 3, 3]);
  for (const from of [1, 3, -1, NaN]) {
    assert.throws(
      () => cutPart(weights, { from, maxBytes: 24 }),
      (error: Error) => error instanceof RangeError && /parts start at 0, 2$/.test(error.message),
    );
  }
});

import assert from "node:assert/strict";
import { join } from "node:path";
import { WeftError } from "../../engine/core/errors.ts";
import type { DeviceTuning } from "../../engine/core/tuning.ts";
import { readTunings, withTuning, writeTunings } from "../../engine/tuning_file.ts";

const A: DeviceTuning = {
  device: "a GPU",
  products: [
    { rows: 8, cols: 4, format: "f16", tiles: [{ tokens: 1, tile: "4x4" }], share: 2 },
    { rows: 16, cols: 4, format: "int4", share: 1 },
  ],
};

async function withFile(body: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await body(join(folder, "tuning.json"));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test("what was measured is read as it was written", async () => {
  await withFile(async (path) => {
    assert.deepEqual(await readTunings(path), []);
    await writeTunings(path, [A]);
    assert.deepEqual(await readTunings(path), [A]);
  });
});

Deno.test("a shape measured anew replaces the old entry; other shapes and devices stay", () => {
  const other: DeviceTuning = { device: "another", products: A.products };
  const anew: DeviceTuning = {
    device: "a GPU",
    products: [{ rows: 8, cols: 4, format: "f16", share: 4 }],
  };
  assert.deepEqual(withTuning([A, other], anew), [
    other,
    { device: "a GPU", products: [A.products[1], anew.products[0]] },
  ]);
  assert.deepEqual(withTuning([], anew), [anew]);
});

Deno.test("another version's file counts as none", async () => {
  await withFile(async (path) => {
    await Deno.writeTextFile(path, `{"version": 99, "anything": true}`);
    assert.deepEqual(await readTunings(path), []);
  });
});

Deno.test("a file that is no tuning is refused with its name, the fault and the way out", async () => {
  const product = { rows: 8, cols: 4, format: "f16" };
  const of = (change: Record<string, unknown>) =>
    JSON.stringify({
      version: 1,
      devices: [{ device: "d", products: [{ ...product, ...change }] }],
    });
  const cases: [string, RegExp][] = [
    ["{", /JSON/],
    ["[]", /expected object/i],
    [`{"version": 1}`, /devices/],
    [of({ rows: 0 }), /rows/],
    [of({ format: "fp8" }), /format/],
    [of({ share: 3 }), /share/],
    [of({ tiles: [] }), /first entry must be for 1 token/],
    [of({ tiles: [{ tokens: 1, tile: "9x9" }] }), /tile/],
    [
      of({ tiles: [{ tokens: 1, tile: "4x4" }, { tokens: 1, tile: "4x8" }] }),
      /tokens must rise/,
    ],
    [of({ surprise: 1 }), /surprise/],
  ];
  await withFile(async (path) => {
    for (const [text, fault] of cases) {
      await Deno.writeTextFile(path, text);
      const error = await readTunings(path).then(() => null, (error) => error);
      assert.ok(error instanceof WeftError, text);
      assert.equal(error.code, "unsupported");
      assert.match(error.message, fault);
      assert.ok(error.message.includes(path));
      assert.match(error.message, /--tune/);
    }
  });
});

import assert from "node:assert/strict";
import { PRODUCT_TILE_NAMES } from "../../../engine/core/tuning.ts";
import { linearReference } from "../../../engine/kernels/linear_reference.ts";
import { assertClose, kernelTest, randoms } from "./harness.ts";
import { matrixOf } from "./matrices.ts";
import { PRODUCT_KINDS, recordProduct } from "./products.ts";
import { assertSameBitsInAnyBatch } from "./same_bits.ts";

for (const [name, kind] of Object.entries(PRODUCT_KINDS)) {
  kernelTest(`a product (${name}) equals the host loop over awkward shapes`, async (bench) => {
    // In parts where there are enough rows, also such that no part has whole vec4s of rows.
    const shapes: [number, number, number[]?][] = [
      [1, 4],
      [5, 36],
      [64, 64],
      [130, 260, [37, 90]],
      [136, 72, [36, 100]],
      [333, 96, [37, 90]],
    ];
    for (const [rows, cols, cut] of shapes) {
      const weight = randoms(rows * cols, rows);
      const rounded = bench.rounded(weight);
      const bias = randoms(rows, 3);
      const matrix = matrixOf(bench, weight, { cols, cut });
      for (const tokens of [1, 2, 3, 5, 8, 9, 17, 33, 70]) {
        const x = randoms(tokens * cols, tokens);
        const expected = linearReference(x, rounded, { cols, bias });
        const before = randoms(tokens * rows, 11);
        const y = bench.f32(before);
        const accumulate = tokens % 2 === 1;
        const buffers = { x: bench.f32(x), weight: matrix, bias: bench.f32(bias), y };
        recordProduct(bench, buffers, { kind, tokens, accumulate });
        const got = await bench.readF32(y, expected.length);
        const wanted = accumulate ? expected.map((v, i) => v + before[i]) : expected;
        assertClose(got, wanted, 1e-4);
      }
    }
  });

  kernelTest(`a token's product (${name}) has the same bits in any batch`, async (bench) => {
    await assertSameBitsInAnyBatch(bench, kind, { rows: 96, cols: 1024 });
  });
}

kernelTest("a prompt's product has the same bits in tiles of any size", async (bench) => {
  const [rows, cols] = [132, 72];
  const weight = matrixOf(bench, randoms(rows * cols, 1), { cols });
  for (const tokens of [1, 9, 33, 130]) {
    const x = bench.f32(randoms(tokens * cols, 2));
    const results = [];
    // The product of decoding rows, the other one that prompts may have, stands in no plan with these.
    for (const tile of PRODUCT_TILE_NAMES.filter((name) => name !== "lanes")) {
      const y = bench.f32(tokens * rows);
      recordProduct(bench, { x, weight, y }, { kind: { tile }, tokens });
      results.push(await bench.readF32(y, tokens * rows));
    }
    for (const result of results) assert.deepEqual(result, results[0]);
  }
});

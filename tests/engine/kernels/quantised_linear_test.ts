import { linearReference } from "../../../engine/kernels/linear_reference.ts";
import { assertClose, kernelTest, randoms } from "./harness.ts";
import { matrixOf, storedValues } from "./matrices.ts";
import { PRODUCT_KINDS, recordProduct } from "./products.ts";
import { assertSameBitsInAnyBatch } from "./same_bits.ts";

for (const format of ["int8", "int4"] as const) {
  for (const [name, kind] of Object.entries(PRODUCT_KINDS)) {
    kernelTest(
      `a product (${name}) with ${format} weights equals the host loop over what they stand for`,
      async (bench) => {
        // A part of a group, a part of a block, both; whole ones; an odd number of groups.
        for (const [rows, cols] of [[1, 8], [5, 40], [64, 64], [132, 264], [7, 96]]) {
          const weight = randoms(rows * cols, rows);
          const stored = storedValues(bench, weight, { cols, format });
          const bias = randoms(rows, 3);
          for (const tokens of [1, 2, 3, 5, 8, 9, 17, 70]) {
            const x = randoms(tokens * cols, tokens);
            const before = randoms(tokens * rows, 11);
            const y = bench.f32(before);
            const buffers = {
              x: bench.f32(x),
              // Shards' rows are quantised each for themselves: these cuts keep blocks whole.
              weight: matrixOf(bench, weight, { cols, cut: rows > 100 ? [36, 92] : [], format }),
              bias: bench.f32(bias),
              y,
            };
            recordProduct(bench, buffers, { kind, tokens, accumulate: true });
            const expected = linearReference(x, stored, { cols, bias }).map((v, i) =>
              v + before[i]
            );
            assertClose(await bench.readF32(y, expected.length), expected, 1e-4);
          }
        }
      },
    );

    kernelTest(
      `a token's product (${name}) with ${format} weights has the same bits in any batch`,
      async (bench) => {
        await assertSameBitsInAnyBatch(bench, kind, { rows: 96, cols: 136, format });
      },
    );
  }
}

import { Linear, linearReference } from "../../../engine/kernels/linear.ts";
import { assertClose, kernelTest, randoms } from "./harness.ts";
import { matrixOf, storedValues } from "./matrices.ts";
import { assertSameBitsInAnyBatch } from "./same_bits.ts";

for (const format of ["int8", "int4"] as const) {
  for (const kind of ["decode", "prefill"] as const) {
    kernelTest(
      `linear (${kind}) with ${format} weights equals the host loop over what they stand for`,
      async (bench) => {
        // A part of a group, a part of a block, both; whole ones; an odd number of groups.
        for (const [rows, cols] of [[1, 8], [5, 40], [64, 64], [130, 264], [7, 96]]) {
          const weight = randoms(rows * cols, rows);
          const stored = storedValues(bench, weight, { cols, format });
          const bias = randoms(rows, 3);
          for (const tokens of [1, 2, 3, 5, 8, 9, 17]) {
            const x = randoms(tokens * cols, tokens);
            const before = randoms(tokens * rows, 11);
            const y = bench.f32(before);
            new Linear(bench.kernels, {
              x: bench.f32(x),
              // Shards' rows are quantised each for themselves: these cuts keep blocks whole.
              weight: matrixOf(bench, weight, { cols, cut: rows > 100 ? [36, 92] : [], format }),
              bias: bench.f32(bias),
              y,
            }, { uniforms: bench.uniforms, accumulate: true }).record(bench.recorder, tokens, kind);
            const expected = linearReference(x, stored, { cols, bias }).map((v, i) =>
              v + before[i]
            );
            assertClose(await bench.readF32(y, expected.length), expected, 1e-4);
          }
        }
      },
    );
  }

  kernelTest(
    `linear (decode) with ${format} weights equals the host loop however many lanes share a row`,
    async (bench) => {
      for (const [rows, cols] of [[5, 40], [64, 1024]]) {
        const weight = randoms(rows * cols, rows);
        const stored = storedValues(bench, weight, { cols, format });
        for (const split of [2, 4]) {
          for (const tokens of [1, 3, 9]) {
            const x = randoms(tokens * cols, tokens);
            const y = bench.f32(tokens * rows);
            new Linear(bench.kernels, {
              x: bench.f32(x),
              weight: matrixOf(bench, weight, { cols, format }),
              y,
            }, { uniforms: bench.uniforms, split }).record(bench.recorder, tokens, "decode");
            const expected = linearReference(x, stored, { cols });
            assertClose(await bench.readF32(y, expected.length), expected, 1e-4);
          }
        }
      }
    },
  );

  kernelTest(
    `a token's projection with ${format} weights has the same bits in a batch of any size`,
    async (bench) => {
      await assertSameBitsInAnyBatch(bench, { rows: 96, cols: 136, format });
    },
  );
}

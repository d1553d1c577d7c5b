import assert from "node:assert/strict";
import { Linear, linearReference } from "../../../engine/kernels/linear.ts";
import { assertClose, kernelTest, randoms } from "./harness.ts";
import { matrixOf } from "./matrices.ts";
import { assertSameBitsInAnyBatch } from "./same_bits.ts";

for (const kind of ["decode", "prefill"] as const) {
  kernelTest(`linear (${kind}) equals the host loop over awkward shapes`, async (bench) => {
    for (const [rows, cols] of [[1, 4], [5, 36], [64, 64], [130, 260], [333, 96]]) {
      const weight = randoms(rows * cols, rows);
      const rounded = bench.rounded(weight);
      const bias = randoms(rows, 3);
      for (const tokens of [1, 2, 3, 5, 8, 9, 17, 33]) {
        const x = randoms(tokens * cols, tokens);
        const expected = linearReference(x, rounded, { cols, bias });
        const y = bench.f32(randoms(tokens * rows, 11));
        const before = randoms(tokens * rows, 11);
        const accumulate = tokens % 2 === 1;
        const cut = rows > 100 ? [37, 90] : [];
        const linear = new Linear(bench.kernels, {
          x: bench.f32(x),
          weight: matrixOf(bench, weight, { cols, cut }),
          bias: bench.f32(bias),
          y,
        }, { uniforms: bench.uniforms, accumulate });
        linear.record(bench.recorder, tokens, kind);
        const got = await bench.readF32(y, expected.length);
        const wanted = accumulate ? expected.map((v, i) => v + before[i]) : expected;
        assertClose(got, wanted, 1e-4);
      }
    }
  });
}

kernelTest("linear (decode) equals the host loop however many lanes share a row", async (bench) => {
  for (const [rows, cols] of [[5, 36], [130, 260], [64, 1024]]) {
    const weight = randoms(rows * cols, rows);
    const rounded = bench.rounded(weight);
    for (const split of [2, 4]) {
      for (const tokens of [1, 2, 3, 9]) {
        const x = randoms(tokens * cols, tokens);
        const y = bench.f32(new Float32Array(tokens * rows));
        new Linear(bench.kernels, {
          x: bench.f32(x),
          weight: matrixOf(bench, weight, { cols, cut: [] }),
          y,
        }, { uniforms: bench.uniforms, split }).record(bench.recorder, tokens, "decode");
        const expected = linearReference(x, rounded, { cols });
        assertClose(await bench.readF32(y, expected.length), expected, 1e-4);
      }
    }
  }
});

kernelTest("a token's projection has the same bits in a batch of any size", async (bench) => {
  await assertSameBitsInAnyBatch(bench, { rows: 96, cols: 128 });
});

kernelTest("a prompt's projection has the same bits in tiles of 4 and 8 tokens", async (bench) => {
  const [rows, cols] = [70, 72];
  const weight = matrixOf(bench, randoms(rows * cols, 1), { cols, cut: [] });
  for (const tokens of [1, 5, 9, 33]) {
    const x = bench.f32(randoms(tokens * cols, 2));
    const of = async (tileTokens: 4 | 8) => {
      const y = bench.f32(tokens * rows);
      new Linear(bench.kernels, { x, weight, y }, { uniforms: bench.uniforms, tileTokens })
        .record(bench.recorder, tokens, "prefill");
      return await bench.readF32(y, tokens * rows);
    };
    assert.deepEqual(await of(8), await of(4));
  }
});

import assert from "node:assert/strict";
import { FewTokenLinear, type FewTokenOptions } from "../../../engine/kernels/few_token_linear.ts";
import type { WeightFormat } from "../../../engine/kernels/format.ts";
import { ROW_SHARES, type RowShare } from "../../../engine/core/tuning.ts";
import { linearReference } from "../../../engine/kernels/linear_reference.ts";
import { NO_SLOT } from "../../../engine/kernels/lora/mod.ts";
import { loraReference } from "../../../engine/kernels/lora/reference.ts";
import { NormParts } from "../../../engine/kernels/norm_parts.ts";
import { ResidualStream } from "../../../engine/kernels/residual_stream.ts";
import { rmsNormReference } from "../../../engine/kernels/rms_norm.ts";
import { assertClose, type Bench, kernelTest, randoms } from "./harness.ts";
import { layOut, type LoraCase, maxTotalRank, recordList } from "./lora/lora_case.ts";
import { matrixOf, storedValues } from "./matrices.ts";

const EPS = 1e-5;
const ADAPTERS = [1, 8, 64, 5, 0].map((rank) => ({ ranks: [rank, rank, rank], scale: 0.5 }));
/** Nobody's tokens (row 5) and rows without adapters stand beside mixtures of three. */
const MIXTURES: LoraCase["mixtures"] = [
  [],
  [[0, 1]],
  [[1, 0.5], [2, 0.25], [0, 0.25]],
  [[2, 1]],
  [[3, 0.7], [4, 0.1], [1, -0.2]],
];

/** All ways in which lanes share rows on a device. */
function sharesOf({ kernels }: Bench): RowShare[] {
  return ROW_SHARES.filter((share) => share !== "lanes" || kernels.hasSubgroups);
}

function rowOf(token: number): number {
  return (token * 5 + 3) % 6;
}

interface FusedCase {
  cols: number;
  outSizes: number[];
  tokens: number;
  gated?: boolean;
  /** Where the matrix is cut into buffers. */
  cut?: number[];
  adapted: boolean;
  /** The same row, and so the same adapters, for all tokens. */
  row?: number;
  /** The variant's dtype where left out. */
  format?: WeightFormat;
}

function loraCase({ cols, outSizes, tokens, row }: FusedCase): LoraCase {
  const rows = Array.from({ length: tokens }, (_, t) => row ?? rowOf(t));
  return {
    inSize: cols,
    outSizes,
    adapters: ADAPTERS,
    mixtures: MIXTURES,
    rows: rows.map((row) => row === 5 ? NO_SLOT : row),
    seed: tokens,
    dense: true,
  };
}

/** A product behind a norm: from a residual stream, with bias and adapters, gated or not. */
async function runNormed(
  bench: Bench,
  of: FusedCase,
  options: Partial<FewTokenOptions> = {},
  only?: number,
): Promise<{ y: Float32Array; expected: Float64Array }> {
  const { cols, outSizes, gated = false, cut = [], adapted, format } = of;
  const { gpu, kernels, uniforms, recorder } = bench;
  const all = loraCase(of);
  const { group, arrays } = layOut(bench, all);
  const input = randoms(of.tokens * cols, 7, 2);
  const [x, of_] = only === undefined
    ? [input, all]
    : [input.slice(only * cols, (only + 1) * cols), { ...all, rows: [all.rows[only]] }];
  const tokens = of_.rows.length;
  const rows = outSizes.reduce((a, b) => a + b);
  const [values, bias, norm] = [randoms(rows * cols, 3, 0.3), randoms(rows, 4), randoms(cols, 5)];
  const stream = new ResidualStream(gpu, { tokens, decodeRows: tokens, width: cols });
  gpu.device.queue.writeBuffer(stream.buffer, 0, x as Float32Array<ArrayBuffer>);
  new NormParts(kernels, { stream, weight: bench.f32(norm) }, { uniforms }).record(
    recorder,
    tokens,
  );
  const its = { ...arrays, rows: Uint32Array.from(of_.rows) };
  const adapters = recordList(bench, of_, { group, arrays: its, x: stream.weighted });
  const weight = matrixOf(bench, values, { cols, cut, format });
  const width = gated ? rows / 2 : rows;
  const y = bench.f32(tokens * width);
  new FewTokenLinear(
    kernels,
    { x: stream, weight, bias: bench.f32(bias), y, adapters },
    { uniforms, eps: EPS, gated, ...options },
  ).record(recorder, { tokens, rankTotal: adapted ? maxTotalRank(of_) : 0 });
  const normed = rmsNormReference(x, norm, EPS);
  const base = linearReference(normed, storedValues(bench, values, { cols, format }), {
    cols,
    bias,
  });
  const sums = adapted
    ? loraReference(group, { ...its, x: normed, y: base })
    : Float64Array.from(base);
  const silu = (v: number) => v / (1 + Math.exp(-v));
  const expected = !gated ? sums : Float64Array.from({ length: tokens * width }, (_, i) => {
    const at = Math.floor(i / width) * rows + i % width;
    return silu(sums[at]) * sums[at + width];
  });
  return { y: await bench.readF32(y, tokens * width), expected };
}

const TOKENS = [1, 2, 3, 5, 8, 9, 64];

kernelTest("a product with its norm, bias and adapters equals the reference", async (bench) => {
  for (const tokens of TOKENS) {
    for (const adapted of [true, false]) {
      for (const share of sharesOf(bench)) {
        const of = { cols: 72, outSizes: [48, 12, 20], tokens, adapted };
        const { y, expected } = await runNormed(bench, of, { share });
        assertClose(y, expected, 2e-4);
      }
    }
  }
});

for (const format of ["int8", "int4"] as const) {
  kernelTest(`so does one with ${format} weights`, async (bench) => {
    for (const tokens of [1, 3, 9]) {
      const of = { cols: 72, outSizes: [48, 12, 20], tokens, adapted: true, format };
      const { y, expected } = await runNormed(bench, of);
      assertClose(y, expected, 2e-4);
    }
  });
}

kernelTest("gates and ups with their adapters equal silu(gate) · up", async (bench) => {
  for (const tokens of TOKENS) {
    for (const share of sharesOf(bench)) {
      const of = { cols: 36, outSizes: [28, 28], tokens, adapted: true, gated: true };
      const { y, expected } = await runNormed(bench, of, { share });
      assertClose(y, expected, 1e-3);
    }
  }
});

kernelTest("adapters find their rows in a matrix of several buffers", async (bench) => {
  const of = { cols: 20, outSizes: [48, 12, 20], tokens: 9, adapted: true, cut: [32, 52] };
  const { y, expected } = await runNormed(bench, of);
  assertClose(y, expected, 2e-4);
});

kernelTest("a token's fused product has the same bits in any company", async (bench) => {
  for (const gated of [true, false]) {
    for (const share of sharesOf(bench)) {
      const options = { share };
      const of = { cols: 72, outSizes: [16, 16], tokens: 9, adapted: true, gated };
      const width = gated ? 16 : 32;
      const together = (await runNormed(bench, of, options)).y;
      const base = (await runNormed(bench, { ...of, adapted: false }, options)).y;
      for (let t = 0; t < of.tokens; t++) {
        const its = together.subarray(t * width, (t + 1) * width);
        const alone = await runNormed(bench, of, options, t);
        assert.deepEqual(alone.y, its, `token ${t}`);
        if (rowOf(t) === 5 || rowOf(t) === 0) {
          assert.deepEqual(base.subarray(t * width, (t + 1) * width), its, `token ${t} as base`);
        }
      }
    }
  }
});

kernelTest(
  "tokens with the same adapters equal the reference and have their bits alone",
  async (bench) => {
    for (const gated of [true, false]) {
      for (const share of sharesOf(bench)) {
        for (const row of [1, 2, 4]) {
          const of = { cols: 72, outSizes: [36, 36], tokens: 6, adapted: true, gated, row };
          const { y, expected } = await runNormed(bench, of, { share });
          assertClose(y, expected, 1e-3);
          const width = y.length / of.tokens;
          const alone = (await runNormed(bench, of, { share }, 4)).y;
          assert.deepEqual(alone, y.subarray(4 * width, 5 * width));
        }
      }
    }
  },
);

kernelTest("a sum into the residual stream leaves what the next norm needs", async (bench) => {
  const { gpu, kernels, uniforms, recorder } = bench;
  for (const [rows, cols, tokens] of [[48, 36, 1], [64, 100, 5], [72, 8, 64]]) {
    const stream = new ResidualStream(gpu, { tokens: tokens + 3, decodeRows: tokens, width: rows });
    const before = randoms(tokens * rows, 1);
    gpu.device.queue.writeBuffer(stream.buffer, 0, before as Float32Array<ArrayBuffer>);
    const [x, values, norm] = [
      randoms(tokens * cols, 2),
      randoms(rows * cols, 3),
      randoms(rows, 4),
    ];
    const weight = matrixOf(bench, values, { cols, cut: [20] });
    new FewTokenLinear(
      kernels,
      { x: bench.f32(x), weight, y: stream, nextNorm: bench.f32(norm) },
      { uniforms },
    ).record(recorder, { tokens });
    const expected = linearReference(x, bench.rounded(values), { cols }).map((v, i) =>
      v + before[i]
    );
    const all = await bench.readF32(stream.buffer, stream.buffer.size / 4);
    assertClose(all.subarray(0, tokens * rows), expected, 1e-4);
    const { weightedAt, squaresAt } = stream;
    const weighted = expected.map((v, i) => v * norm[i % rows]);
    assertClose(all.subarray(weightedAt, weightedAt + tokens * rows), weighted, 1e-4);
    const pitch = Math.ceil(rows / 16) * 4;
    for (let t = 0; t < tokens; t++) {
      const squares = Array.from(
        { length: pitch },
        (_, i) =>
          [0, 1, 2, 3].reduce(
            (sum, k) => 4 * i < rows ? sum + expected[t * rows + 4 * i + k] ** 2 : 0,
            0,
          ),
      );
      const at = squaresAt + t * pitch;
      assertClose(all.subarray(at, at + pitch), squares, 1e-2);
    }
  }
});

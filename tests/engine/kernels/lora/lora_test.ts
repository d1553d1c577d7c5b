import assert from "node:assert/strict";
import fc from "fast-check";
import { NO_SLOT } from "../../../../engine/kernels/lora/mod.ts";
import { loraReference } from "../../../../engine/kernels/lora/reference.ts";
import { assertClose, kernelTest } from "../harness.ts";
import { type LoraCase, runLora } from "./lora_case.ts";

const KINDS = ["decode", "prefill"] as const;

/** Ranks 1, 4, 7, 8, 64 and members left out; q, k, v of unequal widths. */
const ADAPTERS = [
  { ranks: [1, 1, 1], scale: 2 },
  { ranks: [4, 0, 4], scale: 1 },
  { ranks: [7, 3, 0], scale: 0.5 },
  { ranks: [8, 8, 8], scale: 2 },
  { ranks: [64, 64, 64], scale: 0.25 },
  { ranks: [0, 0, 0], scale: 1 },
  { ranks: [0, 5, 2], scale: -1 },
  { ranks: [2, 2, 2], scale: 1.5 },
];

const MIXTURES: LoraCase["mixtures"] = [
  [],
  [[0, 1]],
  [[3, 0.7], [1, 0.3]],
  [[0, 1], [1, -0.5], [2, 0.25], [3, 0], [4, 1], [5, 2], [6, 0.1], [7, 1]],
  [[5, 1]],
  [[4, 1], [4, -1], [2, 0.5]],
  [[7, 0]],
];

function mixedCase(rows: number[], seed = 1): LoraCase {
  return {
    inSize: 72,
    outSizes: [264, 12, 36],
    adapters: ADAPTERS,
    mixtures: MIXTURES,
    rows,
    seed,
  };
}

async function assertEqualsReference(
  bench: Parameters<typeof runLora>[0],
  of: LoraCase,
): Promise<void> {
  for (const kind of KINDS) {
    const { group, arrays, y } = await runLora(bench, of, kind);
    assertClose(y, loraReference(group, arrays), 1e-4);
  }
}

kernelTest(
  "a batch of unequal mixtures equals the reference, for 1 to 70 tokens",
  async (bench) => {
    for (const tokens of [1, 2, 3, 4, 5, 8, 13, 70]) {
      const rows = Array.from({ length: tokens }, (_, t) => (t * 5 + 3) % 8);
      await assertEqualsReference(bench, mixedCase(rows.map((row) => row === 7 ? NO_SLOT : row)));
    }
  },
);

kernelTest(
  "runs of tokens that share a row equal the reference, wherever rows change",
  async (bench) => {
    for (const runs of [[70], [3, 5, 9, 4], [4, 4, 4, 1], [1, 1, 6, 2, 11]]) {
      const rows = runs.flatMap((length, i) =>
        Array<number>(length).fill([3, 2, NO_SLOT, 5, 0][i])
      );
      await assertEqualsReference(bench, mixedCase(rows, 9));
    }
  },
);

kernelTest("rows without adapters and inactive tokens keep y to the bit", async (bench) => {
  const rows = [0, NO_SLOT, 3, 4, 0, 0, 0, 0, NO_SLOT, NO_SLOT, NO_SLOT, NO_SLOT];
  for (const kind of KINDS) {
    const { group, arrays, y } = await runLora(bench, mixedCase(rows), kind);
    const rowOf = (values: Float32Array, t: number) =>
      values.slice(t * group.outStride, (t + 1) * group.outStride);
    rows.forEach((row, t) => {
      if (row === 3) assert.notDeepEqual(rowOf(y, t), rowOf(arrays.y, t));
      else assert.deepEqual(rowOf(y, t), rowOf(arrays.y, t));
    });
  }
});

kernelTest("a token's update is the same to the bit in any company", async (bench) => {
  const all = mixedCase([3, 2, 5, 3, 3, 3, 3, 1, NO_SLOT, 2]);
  for (const kind of KINDS) {
    const together = await runLora(bench, all, kind);
    const { outStride } = together.group;
    for (const token of [0, 1, 2, 5]) {
      // Alone, the token stands first: its x and y must be those it had.
      const alone = await runLora(bench, { ...all, rows: [all.rows[token]] }, kind, {
        x: together.arrays.x.slice(token * 72, (token + 1) * 72),
        y: together.arrays.y.slice(token * outStride, (token + 1) * outStride),
      });
      assert.deepEqual(alone.y, together.y.slice(token * outStride, (token + 1) * outStride));
    }
  }
});

kernelTest("random groups, mixtures and batches equal the reference", async (bench) => {
  const width = fc.integer({ min: 1, max: 40 }).map((n) => 4 * n);
  const weight = fc.double({ min: -2, max: 2, noNaN: true }).map(Math.fround);
  const cases = fc.record({
    inSize: width,
    outSizes: fc.array(width, { minLength: 1, maxLength: 3 }),
    ranks: fc.array(fc.tuple(fc.nat(20), fc.nat(9), fc.nat(33)), { minLength: 1, maxLength: 5 }),
    place: fc.nat(20),
    seed: fc.nat(1000),
  }).chain((shape) =>
    fc.record({
      shape: fc.constant(shape),
      mixtures: fc.array(
        fc.array(fc.tuple(fc.nat(shape.ranks.length - 1), weight), { maxLength: 8 }),
        { minLength: 1, maxLength: 4 },
      ),
      runs: fc.array(fc.tuple(fc.nat(4), fc.integer({ min: 1, max: 9 })), {
        minLength: 1,
        maxLength: 8,
      }),
    })
  );
  await fc.assert(
    fc.asyncProperty(cases, async ({ shape, mixtures, runs }) => {
      const { inSize, outSizes, ranks, seed, place } = shape;
      await assertEqualsReference(bench, {
        inSize,
        outSizes,
        adapters: ranks.map((r, i) => ({ ranks: r, scale: 1 / (i + 1) })),
        mixtures,
        rows: runs.flatMap(([row, length]) =>
          Array<number>(length).fill(row < mixtures.length ? row : NO_SLOT)
        ),
        seed,
        module: place,
        modules: 24,
      });
    }),
    { numRuns: 25, seed: 42 },
  );
});

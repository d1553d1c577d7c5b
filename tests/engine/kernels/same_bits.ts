import assert from "node:assert/strict";
import type { WeightFormat } from "../../../engine/kernels/format.ts";
import { type Bench, randoms } from "./harness.ts";
import { matrixOf } from "./matrices.ts";
import { type ProductKind, recordProduct } from "./products.ts";

const TOKENS = 32;
/** The token that is looked at. */
const TOKEN = 7;

/** A token's projection must not depend on how many others are computed with it. */
export async function assertSameBitsInAnyBatch(
  bench: Bench,
  kind: ProductKind,
  { rows, cols, format }: { rows: number; cols: number; format?: WeightFormat },
): Promise<void> {
  const weight = matrixOf(bench, randoms(rows * cols, 1), { cols, format });
  const x = randoms(TOKENS * cols, 2);
  const rowsOf = async (tokens: number, offset: number) => {
    const y = bench.f32(tokens * rows);
    const input = bench.f32(x.subarray(offset * cols, (offset + tokens) * cols));
    recordProduct(bench, { x: input, weight, y }, { kind, tokens });
    return await bench.readF32(y, tokens * rows);
  };
  const together = await rowsOf(TOKENS, 0);
  const same = together.subarray(TOKEN * rows, (TOKEN + 1) * rows);
  for (const [tokens, offset] of [[1, 7], [2, 6], [3, 5], [7, 3], [20, 1]]) {
    const alone = await rowsOf(tokens, offset);
    const at = TOKEN - offset;
    assert.deepEqual(alone.subarray(at * rows, (at + 1) * rows), same);
  }
}

import type { BenchContext } from "../context.ts";

const BATCHES = [1, 2, 4, 8, 16, 32, 64];

const QUICK_BATCHES = [1, 8];

/** Rows of the decode series, and those that are left out. */
export function decodeBatches(
  { isQuick, isSoftware }: BenchContext,
): { batches: readonly number[]; skipped: { name: string; why: string }[] } {
  if (!isQuick || !isSoftware) return { batches: BATCHES, skipped: [] };
  const skipped = BATCHES.filter((batch) => !QUICK_BATCHES.includes(batch)).map((batch) => ({
    name: `decode/batch=${batch}`,
    why: "--quick on a software driver",
  }));
  return { batches: QUICK_BATCHES, skipped };
}

/** How long prompts and answers of a decode series are: short where a step takes long. */
export function decodePlan(
  { isSoftware, isQuick }: BenchContext,
): { promptTokens: number; answerTokens: number } {
  if (!isSoftware) return { promptTokens: 64, answerTokens: 128 };
  // A large batch's prompts take longer than its answers, and its rows start one after another.
  return { promptTokens: 16, answerTokens: isQuick ? 33 : 65 };
}

import { median } from "../statistics.ts";

/** The first series' figure over the second's in the same round, for each round that both have. */
export function pairedRatios(over: readonly number[], under: readonly number[]): number[] {
  return Array.from(
    { length: Math.min(over.length, under.length) },
    (_, round) => over[round] / under[round],
  );
}

/** The middle, the least and the most; null for no values. */
export function summaryOf(
  values: readonly number[],
): { middle: number; least: number; most: number } | null {
  if (values.length === 0) return null;
  return { middle: median(values), least: Math.min(...values), most: Math.max(...values) };
}

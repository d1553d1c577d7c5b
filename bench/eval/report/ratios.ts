import type { TimingResult } from "../results.ts";
import { median } from "../../statistics.ts";

type SeriesKey = Pick<TimingResult, "prompts" | "adapters" | "method" | "concurrency">;

interface Pair {
  over: SeriesKey;
  under: SeriesKey;
}

/** One series' time over another's in the same round, for each round that both have. */
export function pairedRatios(timing: readonly TimingResult[], { over, under }: Pair): number[] {
  const [left, right] = [over, under].map((key) => seriesOf(timing, key)?.ms ?? []);
  const rounds = Math.min(left.length, right.length);
  return Array.from({ length: rounds }, (_, round) => left[round] / right[round]);
}

/** The median of the paired ratios; null where there are none. */
export function pairedRatio(timing: readonly TimingResult[], pair: Pair): number | null {
  const ratios = pairedRatios(timing, pair);
  return ratios.length === 0 ? null : median(ratios);
}

export function seriesOf(
  timing: readonly TimingResult[],
  { prompts, adapters, method, concurrency }: SeriesKey,
): TimingResult | undefined {
  return timing.find((series) =>
    series.prompts === prompts && series.adapters === adapters && series.method === method &&
    series.concurrency === concurrency
  );
}

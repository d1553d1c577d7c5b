import type { TimingResult } from "../results.ts";
import { median } from "../statistics.ts";

type SeriesKey = Pick<TimingResult, "adapters" | "method" | "concurrency">;

/** The median over rounds of one series' time over another's in the same round; null where one is missing. */
export function pairedRatio(
  timing: readonly TimingResult[],
  { over, under }: { over: SeriesKey; under: SeriesKey },
): number | null {
  const [left, right] = [over, under].map((key) => seriesOf(timing, key)?.ms ?? []);
  const rounds = Math.min(left.length, right.length);
  if (rounds === 0) return null;
  return median(Array.from({ length: rounds }, (_, round) => left[round] / right[round]));
}

export function seriesOf(
  timing: readonly TimingResult[],
  { adapters, method, concurrency }: SeriesKey,
): TimingResult | undefined {
  return timing.find((series) =>
    series.adapters === adapters && series.method === method && series.concurrency === concurrency
  );
}

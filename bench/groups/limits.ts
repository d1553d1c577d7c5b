import type { BenchContext } from "../context.ts";
import { Shared } from "../engine/shared.ts";
import { DeviceLimits } from "../kernels/limits.ts";
import type { SeriesGroup } from "../series.ts";

/** What the device does at best: everything else is told as a share of these. */
export function limitsGroup({ isQuick }: BenchContext): SeriesGroup {
  const limits = new Shared(() => DeviceLimits.open(), (limits) => limits.close());
  const leastMs = isQuick ? 100 : 300;
  return {
    name: "limits",
    title: "The device's limits",
    series: [
      {
        name: "stream",
        unit: "GB/s",
        round: async () => await (await limits.get()).streamBytes(leastMs) / 1e9,
      },
      {
        name: "fma",
        unit: "GFLOP/s",
        round: async () => await (await limits.get()).fmaFlops(leastMs) / 1e9,
      },
    ],
    close: () => limits.close(),
  };
}

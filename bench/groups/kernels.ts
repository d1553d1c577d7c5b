import type { BenchContext } from "../context.ts";
import { Shared } from "../engine/shared.ts";
import { type Captured, KernelBench, type Work } from "../kernels/kernel_bench.ts";
import { percentiles } from "../measure.ts";
import type { Reading, Series, SeriesGroup } from "../series.ts";
import type { Shape } from "../shapes/shapes.ts";

const RANK = 16;

/** What is captured: decoding rows, rows with an adapter each, or a prompt. */
function worksOf({ isQuick, isSoftware }: BenchContext): Work[] {
  const eight: Work = { name: "batch=8", kind: "decode", rows: 8 };
  const adapted: Work = { name: "lora, batch=8", kind: "decode", rows: 8, rank: RANK };
  if (isQuick && isSoftware) return [eight, { ...adapted, isCountedOnly: true }];
  return [
    { name: "batch=1", kind: "decode", rows: 1 },
    eight,
    adapted,
    { name: "prompt=512", kind: "prefill", tokens: 512 },
  ];
}

/**
 * Every kernel of a step, each dispatched again and again by itself, as a share of what the device could do
 * at best; and the step around them. Null: the demo pack.
 */
export function kernelGroup(context: BenchContext, shape: Shape | null): SeriesGroup {
  const options = {
    leastMs: context.isQuick ? 20 : 100,
    promptTokens: context.isSoftware ? 16 : 64,
    // Enough for V8 to have compiled what a step runs, but on a software driver a shape's take a second each.
    steps: context.isSoftware && shape ? 4 : 60,
  };
  const bench = new Shared(
    () => KernelBench.open(shape, options),
    (bench) => bench.close(),
  );
  return {
    name: `kernels/${shape?.name ?? "demo"}`,
    title: `Kernels, ${shape?.name ?? "demo pack"}`,
    series: worksOf(context).map((work): Series => ({
      name: work.name,
      unit: {
        dispatches: "dispatches",
        dispatches_per_layer: "dispatches",
        step: "ms",
        device: "ms",
        idle: "share",
        host: "µs",
        gap: "ms",
        least_gap: "ms",
        us: "µs",
        of_limit: "share",
      },
      round: async () => reading(await (await bench.get()).measure(work)),
    })),
    close: () => bench.close(),
  };
}

function reading({ kernels, step }: Captured): Reading {
  const figures: Record<string, number> = {
    "step/dispatches": step.dispatches,
    "step/dispatches_per_layer": step.dispatchesPerLayer,
  };
  if (step.deviceMs !== null) figures["step/device"] = step.deviceMs;
  if (step.deviceMs !== null && step.wall) {
    figures["step/step"] = step.wall.ms;
    figures["step/idle"] = Math.max(0, 1 - step.deviceMs / step.wall.ms);
    figures["step/host"] = step.wall.hostUsPerDispatch;
    const gaps = step.wall.gapsMs;
    figures["step/gap"] = percentiles(gaps).p50;
    figures["step/least_gap"] = Math.min(...gaps);
  }
  for (const { name, us, ofLimit } of kernels) {
    figures[`${name}/us`] = us;
    if (ofLimit !== null) figures[`${name}/of_limit`] = ofLimit;
  }
  return figures;
}

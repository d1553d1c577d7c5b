import type { AnswerRow } from "../answers.ts";
import type { Results } from "../results.ts";
import type { RouteRow } from "../routes.ts";
import { COMPOSITE_FILES, type Sample } from "../samples.ts";
import { groupBy } from "../../statistics.ts";
import { SWEEP_METHODS } from "../methods.ts";
import { scoreComposites } from "./composites.ts";
import { scoreRoutes } from "./router.ts";
import { scoreSweep } from "./sweep.ts";
import { scoreTask } from "./tasks.ts";
import { usageOf } from "./usage.ts";

export { meanOverTasks } from "./sweep.ts";
export { adaptersPerSentence } from "./usage.ts";

/** All that follows from answers and routes to these samples. Others don't count: an earlier run may have asked for more. */
export function scoreAll(
  { samples, counts, answers, routes, routers }: {
    samples: readonly Sample[];
    /** Of each file, the first so many count. */
    counts: { samples: number; compositeSamples: number; sweepSamples: number };
    answers: readonly AnswerRow[];
    routes: readonly RouteRow[];
    routers: readonly { name: string; generation: string }[];
  },
): Pick<Results, "routers" | "tasks" | "composites" | "sweep" | "usage"> {
  const files = [...groupBy(samples, ({ file }) => file).values()];
  const [composite, single] = [true, false].map((isComposite) =>
    files.filter(([{ file }]) => COMPOSITE_FILES.includes(file) === isComposite)
  );
  const firstOf = (count: number) => (samples: readonly Sample[]) => samples.slice(0, count);
  const isSweep = ({ method }: AnswerRow) => SWEEP_METHODS.some(({ name }) => name === method);
  const swept = answers.filter((row) => isSweep(row) && row.index < counts.sweepSamples);
  const main = answers.filter((row) => {
    const isComposite = COMPOSITE_FILES.includes(row.file);
    return !isSweep(row) && row.index < (isComposite ? counts.compositeSamples : counts.samples);
  });
  return {
    routers: routers.map((router, seed) => ({
      ...router,
      ...scoreRoutes(routes.filter((row) => row.seed === seed && row.index < counts.samples)),
    })),
    tasks: single.map(firstOf(counts.samples)).map((samples) => scoreTask(samples, main))
      .filter((task) => task !== null),
    composites: composite.map(firstOf(counts.compositeSamples)).map((samples) =>
      scoreComposites(samples, main)
    )
      .filter((file) => file !== null),
    sweep: scoreSweep(single.map(firstOf(counts.sweepSamples)), swept),
    usage: usageOf([...main, ...swept]),
  };
}

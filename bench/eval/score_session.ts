import { allSamples, SAMPLES_FOLDER } from "./evaluate.ts";
import type { EvalOptions } from "./options.ts";
import type { Results } from "./results.ts";
import { scoreAll } from "./score/mod.ts";
import { readSession } from "./session.ts";
import { scoreTiming } from "./timing/mod.ts";

const UNKNOWN: Results["machine"] = { deno: "unknown", os: "unknown", cores: 0, gpu: "unknown" };

/** Scores all that runs have left in a directory. */
export async function scoreSession(
  { directory, ...counts }: Pick<
    EvalOptions,
    "directory" | "samples" | "compositeSamples" | "sweepSamples"
  >,
  machine: Results["machine"] = UNKNOWN,
): Promise<Results> {
  const { routers, answers, routes, rounds } = await readSession(directory);
  const scores = scoreAll({
    samples: await allSamples(counts),
    counts,
    answers: answers.rows(),
    routes: routes.rows(),
    routers: routers.map(({ name, generation }) => ({ name, generation })),
  });
  return {
    format: "weft-eval/1",
    date: new Date().toISOString().slice(0, 10),
    machine,
    model: SAMPLES_FOLDER.replace(/\/eval$/, ""),
    samples: counts.samples,
    sweepSamples: counts.sweepSamples,
    ...scores,
    timing: scoreTiming(rounds.rows()),
  };
}

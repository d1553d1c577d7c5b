import { rm } from "node:fs/promises";
import { contextOf } from "../context.ts";
import { isTuned, TUNING_FILE } from "../engine/open_engine.ts";
import { type Environment, readEnvironment } from "../environment.ts";
import { groupsOf } from "../groups/mod.ts";
import { printFigures } from "../measure.ts";
import { type BenchOptions, GROUPS, type Part } from "../options.ts";
import { benchPlatform } from "../platform/mod.ts";
import { barsOf } from "../report/bars.ts";
import { barTable } from "../report/bars_section.ts";
import { readLines, type ResultLine, resultsPath, writeLines } from "../results_file.ts";
import type { SeriesGroup } from "../series.ts";
import { removeShapes } from "../shapes/shape_files.ts";
import { printGroup } from "./print.ts";
import { Progress } from "./progress.ts";
import { type GroupResult, measureGroup } from "./rounds.ts";

/** Behind it a quick run begins nothing more: a busy machine gets fewer figures, not a longer run. */
const QUICK_MS = 165_000;

/** Measures what the options say; resolves to the process's exit code. */
export async function runBench(options: BenchOptions): Promise<number> {
  const environment = await readEnvironment();
  const path = options.results ?? resultsPath(environment, options);
  const context = contextOf(options, environment);
  const load = Deno.build.os === "windows" ? "" : `, load ${Deno.loadavg()[0].toFixed(1)}`;
  const tuned = await isTuned(environment.adapter) ? `; tuned by ${TUNING_FILE}` : "";
  console.log(
    `${environment.adapter}, ${environment.driver}; Deno ${environment.deno}, ` +
      `${environment.cores} cores${load}; commit ${environment.commit}${tuned}\n`,
  );
  const groups: SeriesGroup[] = [];
  for (const part of options.parts) {
    if (isGroup(part)) groups.push(...groupsOf(part, context));
  }
  const chosen = groups.map((group) => only(group, options.only)).filter(hasSomething);
  if (!options.isPartial) await rm(path, { force: true });
  const failures = await measureGroups(chosen, { options, environment, path });
  if (chosen.length > 0) {
    console.log(`\n## Targets\n\n${barTable(barsOf(await readLines(path)))}\n`);
    console.error(`Wrote ${path}`);
  }
  if (options.parts.includes("platform")) {
    console.log("\n## platform\n");
    printFigures(await benchPlatform());
  }
  return failures > 0 ? 1 : 0;
}

/** One group after another, each printed and kept at once; resolves to the number of series that failed. */
async function measureGroups(
  groups: readonly SeriesGroup[],
  { options, environment, path }: {
    options: BenchOptions;
    environment: Environment;
    path: string;
  },
): Promise<number> {
  const turnsOf = ({ series }: SeriesGroup) => series.length * (options.rounds + 1);
  const progress = new Progress({ total: groups.reduce((sum, group) => sum + turnsOf(group), 0) });
  const deadlineMs = options.isQuick ? performance.now() + QUICK_MS : undefined;
  let failures = 0;
  try {
    for (const group of groups) {
      const tuned = await isTuned(environment.adapter);
      let left = turnsOf(group);
      const onTurn = (name: string, round: number) => {
        left--;
        progress.turn(name, round);
      };
      const result = await measureGroup(group, { ...options, deadlineMs, onTurn });
      progress.skip(left);
      failures += result.skipped.filter(({ failed }) => failed).length;
      printGroup(group, result);
      await writeLines(path, linesOf(result, tuned ? { ...environment, tuned } : environment));
    }
  } finally {
    await removeShapes();
  }
  return failures;
}

function linesOf(
  { series, skipped }: GroupResult,
  environment: Environment & Pick<ResultLine, "tuned">,
): ResultLine[] {
  return [
    ...series.map((measured) => ({ ...measured, ...environment })),
    ...skipped.map(({ name, why }) => ({
      name,
      unit: "",
      values: [],
      skipped: why,
      ...environment,
    })),
  ];
}

function isGroup(part: Part): part is typeof GROUPS[number] {
  return GROUPS.some((name) => name === part);
}

/** The series whose full names begin with one of these; all where there are none. */
function only(group: SeriesGroup, names: readonly string[]): SeriesGroup {
  if (names.length === 0) return group;
  const series = group.series.filter(({ name }) =>
    names.some((start) => `${group.name}/${name}`.startsWith(start))
  );
  return { ...group, series, skipped: [] };
}

function hasSomething({ series, skipped }: SeriesGroup): boolean {
  return series.length > 0 || (skipped ?? []).length > 0;
}

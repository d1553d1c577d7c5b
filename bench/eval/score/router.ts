import type { RouterRun } from "../results.ts";
import type { RouteRow } from "../routes.ts";
import { groupBy } from "../../statistics.ts";

/** One router's accuracy over the prompts, each counted once. */
export function scoreRoutes(
  rows: readonly RouteRow[],
): Pick<RouterRun, "accuracy" | "tasks" | "confusions"> {
  if (rows.length === 0) return { accuracy: null, tasks: [], confusions: [] };
  const isRight = ({ file, top }: RouteRow) => file === top;
  const tasks = [...groupBy(rows, ({ file }) => file)].map(([task, rows]) => ({
    task,
    count: rows.length,
    right: rows.filter(isRight).length,
  }));
  const wrong = groupBy(rows.filter((row) => !isRight(row)), ({ file, top }) => `${file} ${top}`);
  const confusions = [...wrong.values()].map((rows) => ({
    task: rows[0].file,
    routed: rows[0].top,
    count: rows.length,
  })).sort((a, b) => b.count - a.count);
  return { accuracy: rows.filter(isRight).length / rows.length, tasks, confusions };
}

import type { Results, RouterRun } from "../results.ts";
import { NONE, number, percent, table } from "./markdown.ts";

/** Of wrong routes, the most frequent so many are shown. */
const SHOWN = 10;

/** Accuracy of each router, by task, and which tasks it takes for which. */
export function routerSection({ routers }: Results): string {
  const measured = routers.filter(({ accuracy }) => accuracy !== null);
  if (measured.length === 0) return NONE;
  const names = measured.map(({ name }) => name);
  const tasks = measured[0].tasks.map(({ task }) => task);
  const all = table(["router", "accuracy, %"], [
    ...measured.map(({ name, accuracy }) => [name, number(100 * accuracy!)]),
    ["mean", percent(measured.map(({ accuracy }) => accuracy!), 2)],
  ]);
  const perTask = table(
    ["accuracy, %", ...names],
    tasks.map((task) => [task, ...measured.map((router) => ofTask(router, task))]),
  );
  const confusions = measured.flatMap(({ name, confusions }) =>
    confusions.map(({ task, routed, count }) => [`${task} → ${routed}`, name, String(count)])
  ).sort((a, b) => Number(b[2]) - Number(a[2])).slice(0, SHOWN);
  const wrong = confusions.length === 0
    ? "No prompt went to another task."
    : `The most frequent wrong routes:\n\n${
      table(["task → routed", "router", "prompts"], confusions)
    }`;
  return [all, perTask, wrong].join("\n\n");
}

function ofTask({ tasks }: RouterRun, task: string): string {
  const found = tasks.find((other) => other.task === task);
  return found === undefined ? "–" : percent([found.right / found.count]);
}

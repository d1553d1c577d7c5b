import type { Results, TimingResult } from "../results.ts";
import { meanOverTasks } from "../score/mod.ts";
import { mean } from "../../statistics.ts";
import { NONE, percent, table } from "./markdown.ts";
import { pairedRatio } from "./ratios.ts";

/** Figures as arXiv 2410.01497 has them, and ours beside; the page's prose says what can be compared. */
export function paperSection(results: Results): string {
  const { routers, tasks } = results;
  const accuracy = routers.map(({ accuracy }) => accuracy).filter((value) => value !== null);
  const choice = (method: string) => meanOverTasks(tasks, { method, metric: "accuracy" });
  return table(["", "the paper", "here", "comparable?"], [
    [
      "router accuracy, 26 tasks, %",
      "98.45",
      shown(accuracy, 2),
      "the kind, not the tasks: toys here",
    ],
    [
      "multiple choice, mean of the tasks, %",
      "91.9 to 92.3",
      shown(choice("top-p")),
      "no: other models and tasks",
    ],
    [
      "the same against each task's own LoRA, points",
      "within 1",
      distance(choice("top-p"), choice("own")),
      "yes, as a difference on the same prompts",
    ],
    [
      "time, routed over single LoRA",
      "−3 % to +52 %, mean +18 %",
      ratios(results, { prompts: "task", method: "auto" }),
      "in part: other hardware and answer lengths",
    ],
    [
      "the same with three tasks in a prompt",
      "–",
      ratios(results, { prompts: "composite3", method: "auto" }),
      "the paper has one task a prompt",
    ],
    [
      "the same with a mixture of 3 forced",
      "–",
      ratios(results, { prompts: "composite3", method: "auto-3" }),
      "the paper doesn't force a size",
    ],
    ["time with 50 LoRAs over a single one", "1.76×", ratio(results, 50), "in part, as above"],
    ["time with 100 LoRAs over a single one", "1.83×", ratio(results, 100), "in part, as above"],
  ]);
}

function shown(shares: readonly number[], digits = 1): string {
  return shares.length === 0 ? NONE : percent(shares, digits);
}

function distance(routed: readonly number[], own: readonly number[]): string {
  if (routed.length === 0 || own.length === 0) return NONE;
  return (100 * (mean(routed) - mean(own))).toFixed(2);
}

/** Least, most and mean over the numbers of adapters, as per cent more. */
function ratios(
  { timing }: Results,
  { prompts, method }: { prompts: TimingResult["prompts"]; method: string },
): string {
  const counts = [...new Set(timing.map(({ adapters }) => adapters))];
  const values = counts.map((adapters) =>
    pairedRatio(timing, {
      over: { prompts, adapters, method, concurrency: 1 },
      under: { prompts, adapters, method: "single", concurrency: 1 },
    })
  ).filter((value) => value !== null);
  if (values.length === 0) return NONE;
  const more = (value: number) =>
    `${value < 1 ? "−" : "+"}${Math.abs(100 * value - 100).toFixed(0)} %`;
  return `${more(Math.min(...values))} to ${more(Math.max(...values))}, mean ${more(mean(values))}`;
}

function ratio({ timing }: Results, adapters: number): string {
  const value = pairedRatio(timing, {
    over: { prompts: "composite3", adapters, method: "auto-3", concurrency: 1 },
    under: { prompts: "composite3", adapters, method: "single", concurrency: 1 },
  });
  return value === null ? NONE : `${value.toFixed(2)}×`;
}

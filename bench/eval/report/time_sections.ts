import type { Results, TimingResult, UsageResult } from "../results.ts";
import { groupBy, mean, median } from "../../statistics.ts";
import { NONE, number, percent, table } from "./markdown.ts";
import { pairedRatio, seriesOf } from "./ratios.ts";

/** A column of times: its head and what it adds up. */
const STAGES = ["queue_ms", "route_ms", "prefill_ms", "decode_ms", "answer_ms"];
const METHODS = ["base", "first", "single", "mixture-3", "auto", "auto-3"];

const RATIOS = [
  ["auto", "single"],
  ["auto-3", "single"],
  ["mixture-3", "single"],
  ["auto-3", "base"],
  ["single", "base"],
] as const;

/** How many adapters routing takes, and where the time of an answer goes. */
export function splitSection({ usage }: Results): string {
  if (usage.length === 0) return NONE;
  const routed = usage.filter(({ sentencesPerAnswer }) => sentencesPerAnswer > 0);
  const times = table(
    ["ms an answer", ...STAGES.map((stage) => stage.replace("_ms", ""))],
    usage.filter(({ part }) => part !== "sweep").map((row) => [
      nameOf(row),
      ...STAGES.map((stage) => number(row.timings[stage], 1)),
    ]),
  );
  if (routed.length === 0) return times;
  const choices = table(
    ["", "routes an answer", "adapters a sentence", "abstained, %", "missed, %", "entropy, nats"],
    routed.map((row) => [
      nameOf(row),
      number(row.sentencesPerAnswer),
      number(row.adaptersPerSentence),
      percent([row.abstained]),
      percent([row.missed]),
      number(row.entropy, 3),
    ]),
  );
  return `${choices}\n\n${times}`;
}

function nameOf({ part, method }: UsageResult): string {
  return part === "sweep" ? method : `${part}, ${method}`;
}

const ASKED = { task: "One task a prompt", composite3: "Three tasks a prompt" };

/** Times and ratios by number of adapters, two tables for each kind of prompts and concurrency. */
export function timingSection({ timing }: Results): string {
  if (timing.length === 0) return NONE;
  const groups = groupBy(timing, ({ prompts, concurrency }) => `${prompts} ${concurrency}`);
  return [...groups.values()].map((own) => {
    const [{ prompts, concurrency, ms }] = own;
    const tokens = mean(own.map(({ answerTokens }) => answerTokens));
    return `${ASKED[prompts]}, ${concurrency} at once, ${number(tokens, 1)} tokens an answer, ` +
      `medians of ${ms.length} rounds:\n\n${timesTable(own)}\n\n${ratioTable(own)}`;
  }).join("\n\n");
}

function timesTable(timing: readonly TimingResult[]): string {
  const methods = METHODS.filter((name) => timing.some(({ method }) => method === name));
  return table(
    [
      "adapters (on the GPU)",
      ...methods.map((name) => `${name}, ms`),
      "adapters a sentence in auto",
    ],
    countsOf(timing).map((adapters) => {
      const of = (method: string) => seriesOf(timing, { ...timing[0], adapters, method });
      const any = timing.find((series) => series.adapters === adapters)!;
      return [
        `${adapters} (${any.resident})`,
        ...methods.map((method) => {
          const series = of(method);
          return series === undefined ? "–" : number(median(series.ms), 1);
        }),
        number(of("auto")?.adaptersPerSentence),
      ];
    }),
  );
}

function ratioTable(timing: readonly TimingResult[]): string {
  const [{ prompts, concurrency }] = timing;
  const fewest = Math.min(...countsOf(timing));
  const show = (over: [string, number], under: [string, number]) => {
    const [left, right] = [over, under].map(([method, adapters]) => {
      return { prompts, method, adapters, concurrency };
    });
    return number(pairedRatio(timing, { over: left, under: right }) ?? undefined);
  };
  const isThere = (name: string) => timing.some(({ method }) => method === name);
  const pairs = RATIOS.filter((pair) => pair.every(isThere));
  const rest = isThere("first") ? [`first / first with ${fewest}`] : [];
  return table(
    ["adapters", ...pairs.map(([over, under]) => `${over} / ${under}`), ...rest],
    countsOf(timing).map((count) => [
      String(count),
      ...pairs.map(([over, under]) => show([over, count], [under, count])),
      ...rest.map(() => show(["first", count], ["first", fewest])),
    ]),
  );
}

function countsOf(timing: readonly TimingResult[]): number[] {
  return [...new Set(timing.map(({ adapters }) => adapters))].sort((a, b) => a - b);
}

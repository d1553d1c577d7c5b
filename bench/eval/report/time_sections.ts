import type { Results, TimingResult, UsageResult } from "../results.ts";
import { median } from "../statistics.ts";
import { NONE, number, percent, table } from "./markdown.ts";
import { pairedRatio, seriesOf } from "./ratios.ts";

/** A column of times: its head and what it adds up. */
const STAGES = ["queue_ms", "route_ms", "prefill_ms", "decode_ms", "answer_ms"];
const METHODS = ["base", "first", "single", "mixture-3", "auto", "auto-3"];

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

/** Times and ratios by number of adapters, one table for each concurrency. */
export function timingSection({ timing }: Results): string {
  if (timing.length === 0) return NONE;
  const concurrencies = [...new Set(timing.map(({ concurrency }) => concurrency))];
  return concurrencies.map((concurrency) => {
    const own = timing.filter((series) => series.concurrency === concurrency);
    const [{ answerTokens, ms }] = own;
    return `${concurrency} at once, ${answerTokens} tokens an answer, medians of ${ms.length} ` +
      `rounds:\n\n${timesTable(own)}\n\n${ratioTable(own)}`;
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
  const [{ concurrency }] = timing;
  const fewest = Math.min(...countsOf(timing));
  const show = (over: [string, number], under: [string, number]) => {
    const [left, right] = [over, under].map(([method, adapters]) => {
      return { method, adapters, concurrency };
    });
    return number(pairedRatio(timing, { over: left, under: right }) ?? undefined);
  };
  return table(
    [
      "adapters",
      "auto / single",
      "auto-3 / single",
      "mixture-3 / single",
      "auto-3 / base",
      "single / base",
      `first / first with ${fewest}`,
    ],
    countsOf(timing).map((count) => [
      String(count),
      show(["auto", count], ["single", count]),
      show(["auto-3", count], ["single", count]),
      show(["mixture-3", count], ["single", count]),
      show(["auto-3", count], ["base", count]),
      show(["single", count], ["base", count]),
      show(["first", count], ["first", fewest]),
    ]),
  );
}

function countsOf(timing: readonly TimingResult[]): number[] {
  return [...new Set(timing.map(({ adapters }) => adapters))].sort((a, b) => a - b);
}

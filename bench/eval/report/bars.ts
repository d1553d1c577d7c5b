import type { Results, TimingResult } from "../results.ts";
import { COMPOSITE_FILES } from "../samples.ts";
import { meanOverTasks } from "../score/mod.ts";
import { mean, median } from "../../statistics.ts";
import { pairedRatios } from "./ratios.ts";

/** A target of the project and what was measured. */
export interface Bar {
  what: string;
  target: string;
  /** In words; null: not measured. */
  measured: string | null;
  isMet: boolean;
}

const ROUTER_ACCURACY = 0.985;
const ORACLE_DISTANCE = 0.01;
const TIME_RATIO = 1.15;
const RESIDENT_RATIO = 1.05;
/** The series that the bars are about: one answer after another. */
const CONCURRENCY = 1;
/** How a sentence's mixture comes in: by the paper's rule, by the server's defaults, and exactly. */
const RULES = [
  ["sentence-keep-carry", "keep, carry"],
  ["sentence-redraw-carry", "redraw, carry"],
  ["sentence-redraw-recompute", "redraw, recompute"],
] as const;
/** Fewer are chance. */
const LEAST_ROUNDS = 3;

/** Every bar, from the results alone. */
export function barsOf(results: Results): Bar[] {
  return [
    routerAccuracy(results),
    ...oracleDistance(results),
    ...compositeWins(results),
    timeRatio(results, { prompts: "task", method: "auto" }),
    timeRatio(results, { prompts: "composite3", method: "auto" }),
    timeRatio(results, { prompts: "composite3", method: "auto-3" }),
    residentRatio(results),
  ];
}

function routerAccuracy({ routers }: Results): Bar {
  const values = routers.map(({ accuracy }) => accuracy).filter((value) => value !== null);
  return bar("router accuracy, mean of the routers", `≥ ${100 * ROUTER_ACCURACY} %`, {
    value: values.length === 0 ? null : mean(values),
    show: (value) => `${(100 * value).toFixed(2)} %`,
    isMet: (value) => value >= ROUTER_ACCURACY,
  });
}

function oracleDistance({ tasks }: Results): Bar[] {
  const metrics = [["accuracy", "multiple choice, accuracy"], ["rougeL", "QA, ROUGE-L"]] as const;
  return metrics.map(([metric, label]) => {
    const routed = meanOverTasks(tasks, { method: "top-p", metric });
    const own = meanOverTasks(tasks, { method: "own", metric });
    const isThere = routed.length > 0 && own.length > 0;
    return bar(`top-p against each task's own adapter, ${label}`, "within 1 point", {
      value: isThere ? mean(routed) - mean(own) : null,
      show: (value) => `${(100 * value).toFixed(2)} points`,
      // More than the oracle is no failure.
      isMet: (value) => value >= -ORACLE_DISTANCE,
    });
  });
}

function compositeWins({ composites }: Results): Bar[] {
  const rivals = [["prompt", "one route a prompt"], ["joint", "the joint adapter"]] as const;
  return COMPOSITE_FILES.flatMap((file) =>
    RULES.flatMap(([rule, how]) =>
      rivals.map(([rival, label]) => {
        const methods = composites.find((other) => other.file === file)?.methods ?? {};
        const [ours, theirs] = [methods[rule]?.sentences, methods[rival]?.sentences];
        const isThere = ours !== undefined && theirs !== undefined;
        return bar(
          `${file}: a route a sentence (${how}) against ${label}, sentences right`,
          "more",
          {
            value: isThere ? mean(ours) - mean(theirs) : null,
            show: (value) => `${value >= 0 ? "+" : ""}${(100 * value).toFixed(1)} points`,
            isMet: (value) => value > 0,
          },
        );
      })
    )
  );
}

const ASKED = { task: "one task", composite3: "three tasks" };
const MIXED: Record<string, string> = {
  "auto": "as the router mixes it",
  "auto-3": "with 3 adapters forced in each sentence",
};

function timeRatio(
  { timing }: Results,
  { prompts, method }: { prompts: TimingResult["prompts"]; method: string },
): Bar {
  const counts = [...new Set(timing.map(({ adapters }) => adapters))];
  const all = counts.map((adapters) =>
    pairedRatios(timing, {
      over: { prompts, adapters, method, concurrency: CONCURRENCY },
      under: { prompts, adapters, method: "single", concurrency: CONCURRENCY },
    })
  ).filter((ratios) => ratios.length >= LEAST_ROUNDS);
  const worst = all.length === 0 ? [] : all.reduce((a, b) => median(b) > median(a) ? b : a);
  return timeBar(
    `${ASKED[prompts]} a prompt: time of an answer ${MIXED[method]} over a single adapter's, the ` +
      "worst number of adapters",
    { most: TIME_RATIO, ratios: worst },
  );
}

function residentRatio({ timing }: Results): Bar {
  const prompts = "composite3";
  const resident = timing.filter(({ adapters, resident }) => adapters === resident);
  return timeBar("time of an answer with one adapter, 100 resident over 1 resident", {
    most: RESIDENT_RATIO,
    ratios: pairedRatios(resident, {
      over: { prompts, adapters: 100, method: "first", concurrency: CONCURRENCY },
      under: { prompts, adapters: 1, method: "first", concurrency: CONCURRENCY },
    }),
  });
}

/** A target for the median over rounds; too few rounds are no measurement. */
function timeBar(what: string, { most, ratios }: { most: number; ratios: number[] }): Bar {
  const [least, highest] = [Math.min(...ratios), Math.max(...ratios)];
  return bar(what, `≤ ${most}`, {
    value: ratios.length < LEAST_ROUNDS ? null : median(ratios),
    show: (value) => `${value.toFixed(2)} (${least.toFixed(2)} to ${highest.toFixed(2)})`,
    isMet: (value) => value <= most,
  });
}

function bar(
  what: string,
  target: string,
  { value, show, isMet }: {
    value: number | null;
    show(value: number): string;
    isMet(value: number): boolean;
  },
): Bar {
  return {
    what,
    target,
    measured: value === null ? null : show(value),
    isMet: value !== null && isMet(value),
  };
}

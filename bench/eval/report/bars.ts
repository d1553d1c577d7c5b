import type { Results } from "../results.ts";
import { meanOverTasks } from "../score/mod.ts";
import { mean } from "../statistics.ts";
import { pairedRatio } from "./ratios.ts";

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

/** Every bar, from the results alone. */
export function barsOf(results: Results): Bar[] {
  return [
    routerAccuracy(results),
    ...oracleDistance(results),
    ...compositeWins(results),
    timeRatio(results),
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
  return composites.flatMap(({ file, methods }) =>
    rivals.map(([rival, label]) => {
      const [ours, theirs] = [methods["sentence-carry"]?.sentences, methods[rival]?.sentences];
      const isThere = ours !== undefined && theirs !== undefined;
      return bar(`${file}: a route a sentence against ${label}, sentences right`, "more", {
        value: isThere ? mean(ours) - mean(theirs) : null,
        show: (value) => `${value >= 0 ? "+" : ""}${(100 * value).toFixed(1)} points`,
        isMet: (value) => value > 0,
      });
    })
  );
}

function timeRatio({ timing }: Results): Bar {
  const counts = [...new Set(timing.map(({ adapters }) => adapters))];
  const ratios = counts.map((adapters) =>
    pairedRatio(timing, {
      over: { adapters, method: "auto-3", concurrency: CONCURRENCY },
      under: { adapters, method: "single", concurrency: CONCURRENCY },
    })
  ).filter((ratio) => ratio !== null);
  return bar(
    "time of an answer with 3 routed adapters over a single one's, the worst number of adapters",
    `≤ ${TIME_RATIO}`,
    {
      value: ratios.length === 0 ? null : Math.max(...ratios),
      show: (value) => value.toFixed(2),
      isMet: (value) => value <= TIME_RATIO,
    },
  );
}

function residentRatio({ timing }: Results): Bar {
  return bar(
    "time of an answer with one adapter, 100 resident over 1 resident",
    `≤ ${RESIDENT_RATIO}`,
    {
      value: pairedRatio(timing.filter(({ adapters, resident }) => adapters === resident), {
        over: { adapters: 100, method: "first", concurrency: CONCURRENCY },
        under: { adapters: 1, method: "first", concurrency: CONCURRENCY },
      }),
      show: (value) => value.toFixed(2),
      isMet: (value) => value <= RESIDENT_RATIO,
    },
  );
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

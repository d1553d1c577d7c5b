import { format } from "../measure.ts";
import type { ResultLine } from "../results_file.ts";
import { summaryOf } from "../run/ratios.ts";
import { Figures } from "./figures.ts";
import { type Target, targetsOf } from "./targets.ts";

/** A target of the project and what one device made of it. */
export interface Bar {
  what: string;
  wanted: string;
  /** The middle, with the least and the most where there are several; null: not measured. */
  measured: string | null;
  verdict: "met" | "missed" | "not measured here (GPU only)" | "not measured";
}

/** With fewer a verdict may be chance, and the table says so. */
const ENOUGH_ROUNDS = 3;

/** Every target, from the results of one device alone. */
export function barsOf(lines: readonly ResultLine[]): Bar[] {
  const figures = new Figures(lines);
  return targetsOf(figures).map((target) => barOf(target, figures));
}

function barOf(target: Target, figures: Figures): Bar {
  const { what, bound, isGpuOnly, values } = target;
  const summary = summaryOf(values);
  const wanted = `${bound.kind === "least" ? "≥" : "≤"} ${show(target, bound.value)}`;
  if (isGpuOnly && figures.isSoftware) {
    return { what, wanted, measured: null, verdict: "not measured here (GPU only)" };
  }
  if (summary === null) return { what, wanted, measured: null, verdict: "not measured" };
  const { middle, least, most } = summary;
  const isMet = bound.kind === "least" ? middle >= bound.value : middle <= bound.value;
  const spread = least === most ? [] : [`${show(target, least)} to ${show(target, most)}`];
  const few = values.length < ENOUGH_ROUNDS
    ? [values.length === 1 ? "1 round" : `${values.length} rounds`]
    : [];
  const remarks = [...spread, ...few].join(", ");
  return {
    what,
    wanted,
    measured: show(target, middle) + (remarks && ` (${remarks})`),
    verdict: isMet ? "met" : "missed",
  };
}

function show({ unit }: Target, value: number): string {
  if (unit === "share") return format(100 * value, "%");
  return unit === "" ? format(value, "").trim() : format(value, unit);
}

import type { Results } from "../results.ts";
import { barSection } from "./bars_section.ts";
import { compositeSection } from "./composite_section.ts";
import { paperSection } from "./paper_section.ts";
import { routerSection } from "./router_section.ts";
import { runSection } from "./run_section.ts";
import { sweepSection } from "./sweep_section.ts";
import { taskSections } from "./task_sections.ts";
import { splitSection, timingSection } from "./time_sections.ts";

/** The sections of docs/EVALUATION.md by the name in their markers. */
export function reportOf(results: Results): Record<string, string> {
  return {
    run: runSection(results),
    bars: barSection(results),
    ...taskSections(results),
    composites: compositeSection(results),
    router: routerSection(results),
    sweep: sweepSection(results),
    split: splitSection(results),
    timing: timingSection(results),
    paper: paperSection(results),
  };
}

import type { Results } from "../results.ts";
import { barsOf } from "./bars.ts";
import { NONE, table } from "./markdown.ts";

/** The project's targets, each met or not. */
export function barSection(results: Results): string {
  return table(
    ["target", "wanted", "measured", ""],
    barsOf(results).map(({ what, target, measured, isMet }) => [
      what,
      target,
      measured ?? NONE,
      measured === null ? "–" : isMet ? "met" : "**not met**",
    ]),
  );
}

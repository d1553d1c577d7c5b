import { table } from "../eval/report/markdown.ts";
import type { Bar } from "./bars.ts";

/** Targets, each met or not. */
export function barTable(bars: readonly Bar[]): string {
  return table(
    ["target", "wanted", "measured", ""],
    bars.map(({ what, wanted, measured, verdict }) => [
      what,
      wanted,
      measured ?? "–",
      verdict === "missed" ? "**missed**" : verdict,
    ]),
  );
}

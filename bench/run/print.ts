import { format } from "../measure.ts";
import type { SeriesGroup } from "../series.ts";
import { pairedRatios, summaryOf } from "./ratios.ts";
import type { GroupResult } from "./rounds.ts";

/** Prints a group's medians with the least and the most, its ratios, and what was skipped. */
export function printGroup(group: SeriesGroup, { series, skipped }: GroupResult): void {
  const lines = series.map(({ name, unit, values }) => [
    name,
    spread(values, unit),
    String(values.length),
  ]);
  const valuesOf = (name: string) =>
    series.find((other) => other.name === `${group.name}/${name}`)?.values ?? [];
  for (const { name, over, under } of group.ratios ?? []) {
    const ratios = pairedRatios(valuesOf(over), valuesOf(under));
    if (ratios.length > 0) lines.push([`ratio: ${name}`, spread(ratios, ""), `${ratios.length}`]);
  }
  console.log(`\n## ${group.title}\n\n| series | median (least to most) | rounds |\n|---|---|---|`);
  for (const line of lines) console.log(`| ${line.join(" | ")} |`);
  for (const { name, why } of skipped) console.log(`| ${name} | skipped: ${why} | 0 |`);
}

/** The middle, and the least and the most in brackets. */
function spread(values: readonly number[], unit: string): string {
  const { middle, least, most } = summaryOf(values)!;
  return `${show(middle, unit)} (${show(least, unit)} to ${show(most, unit)})`;
}

/** A figure as tables have it. */
export function show(value: number, unit: string): string {
  return (unit === "share" ? format(100 * value, "%") : format(value, unit)).trim();
}

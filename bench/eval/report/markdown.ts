import { deviation, mean } from "../../statistics.ts";

/** A Markdown table; all columns but the first are numbers. `deno fmt` pads it. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [line(head), line(head.map((_, i) => i === 0 ? "---" : "---:")), ...rows.map(line)]
    .join("\n");
}

/** What stands where nothing was measured. */
export const NONE = "not measured";

/** Shares as per cent: the mean, and ± the standard deviation where there are several. */
export function percent(shares: readonly number[] | undefined, digits = 1): string {
  if (shares === undefined || shares.length === 0) return "–";
  const spread = deviation(shares);
  const middle = (100 * mean(shares)).toFixed(digits);
  return spread === null ? middle : `${middle} ± ${(100 * spread).toFixed(digits)}`;
}

/** A plain number. */
export function number(value: number | undefined, digits = 2): string {
  return value === undefined ? "–" : value.toFixed(digits);
}

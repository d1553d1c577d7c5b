import { COMPOSITE_METHODS } from "../methods.ts";
import type { Results } from "../results.ts";
import { NONE, percent, table } from "./markdown.ts";

/** A row a file and method. */
export function compositeSection({ composites }: Results): string {
  const rows = composites.flatMap(({ file, count, methods }) =>
    COMPOSITE_METHODS.filter(({ name }) => methods[name]).map(({ name, label }) => {
      const { sentences, whole, routed } = methods[name];
      return [`${file} (${count}), ${label}`, percent(sentences), percent(whole), percent(routed)];
    })
  );
  if (rows.length === 0) return NONE;
  return table(
    ["%", "sentences right in their place", "whole replies right", "heaviest adapter is right"],
    rows,
  );
}

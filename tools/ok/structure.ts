/** `deno task layers`: imports go down only, no cycle, no overlong file, no machine's paths. */
import { findCycle } from "./cycles.ts";
import { houseRuleViolations } from "./house_rules.ts";
import { importsOf } from "./imports.ts";
import { whyForbidden } from "./layers.ts";
import { readSourceFiles, type SourceFile } from "./source_files.ts";

/** Everything that the given files do against the structure; empty when nothing. */
export function structureViolations(files: readonly SourceFile[]): string[] {
  const edges = files.filter(({ path }) => path.endsWith(".ts"))
    .flatMap(({ path, text }) => importsOf(path, text));
  const violations = files.flatMap(({ path, text }) => houseRuleViolations(path, text));
  for (const edge of edges) {
    const why = whyForbidden(edge);
    if (why) violations.push(`${edge.from}: imports ${edge.to}: ${why}`);
  }
  const cycle = findCycle(edges);
  if (cycle) violations.push(`import cycle: ${cycle.join(" → ")}`);
  return violations;
}

if (import.meta.main) {
  const files = await readSourceFiles(".");
  const violations = structureViolations(files);
  for (const violation of violations) console.error(violation);
  if (violations.length > 0) Deno.exit(1);
  console.log(`Checked the structure of ${files.length} files`);
}

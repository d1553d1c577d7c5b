import type { ImportEdge } from "./layers.ts";

/**
 * One cycle among the imports, as the files in order with the first repeated at the end, or null.
 * Imports of types count: a cycle of types is a cycle for the reader.
 */
export function findCycle(edges: readonly ImportEdge[]): string[] | null {
  const graph = new Map<string, string[]>();
  for (const { from, to } of edges) {
    const targets = graph.get(from);
    if (targets) targets.push(to);
    else graph.set(from, [to]);
  }
  const done = new Set<string>();
  const trail: string[] = [];

  function visit(file: string): string[] | null {
    const start = trail.indexOf(file);
    if (start !== -1) return [...trail.slice(start), file];
    if (done.has(file)) return null;
    trail.push(file);
    for (const target of graph.get(file) ?? []) {
      const cycle = visit(target);
      if (cycle) return cycle;
    }
    trail.pop();
    done.add(file);
    return null;
  }

  for (const file of graph.keys()) {
    const cycle = visit(file);
    if (cycle) return cycle;
  }
  return null;
}

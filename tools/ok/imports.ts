import { posix } from "node:path";
import type { ImportEdge } from "./layers.ts";

/**
 * The ways a module names another one by a relative path. Static imports are matched at the start
 * of a line, where `deno fmt` puts them, so that a string that quotes code isn't taken for one.
 */
const PATTERNS: readonly RegExp[] = [
  /^(?:import|export)\b[^;'"`]*?\bfrom\s*["'](\.[^"']+)["']/gm,
  /^import\s*["'](\.[^"']+)["']/gm,
  /\bimport\(\s*["'](\.[^"']+)["']/g,
  /\bnew URL\(\s*["'](\.[^"']+)["'],\s*import\.meta\.url/g,
];

/**
 * The relative imports of one TypeScript module: static (types too), dynamic with a literal, and
 * Worker URLs. Packages are left out.
 *
 * @param path the module's path from the repository's root, with forward slashes.
 */
export function importsOf(path: string, source: string): ImportEdge[] {
  const code = withoutComments(source);
  const targets = new Set<string>();
  for (const pattern of PATTERNS) {
    for (const [, specifier] of code.matchAll(pattern)) {
      targets.add(posix.join(posix.dirname(path), specifier));
    }
  }
  return [...targets].sort().map((to) => ({ from: path, to }));
}

/** Blanks comments that begin a line; one that follows code can't begin with an import. */
function withoutComments(source: string): string {
  return source.replace(/^\s*\/\*[\s\S]*?\*\//gm, "").replace(/^\s*\/\/.*$/gm, "");
}

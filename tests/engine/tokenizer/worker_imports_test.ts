import assert from "node:assert/strict";

const FACE = new URL("../../../engine/tokenizer/mod.ts", import.meta.url);

/** Everything a module loads when it is imported: values, not types, and nothing that it imports later. */
function loadedBy(url: URL, seen = new Map<string, string[]>()): Map<string, string[]> {
  if (seen.has(url.href)) return seen;
  const source = Deno.readTextFileSync(url);
  const imports = source.matchAll(/^(?:import|export)\s+(?!type\b)[^;"]*?from\s+"([^"]+)"/gm);
  const names = Array.from(imports, ([, name]) => name);
  seen.set(url.href, names);
  for (const name of names) {
    if (name.startsWith(".")) loadedBy(new URL(name, url), seen);
  }
  return seen;
}

Deno.test("the tokenizer's face loads no library: the engine's worker takes sentences from it", () => {
  const loaded = loadedBy(FACE);
  assert.ok(loaded.size > 15, `only ${loaded.size} files`);
  for (const [file, names] of loaded) {
    for (const name of names) assert.match(name, /^\.|^node:/, `${file} imports ${name}`);
  }
});

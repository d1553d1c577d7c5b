import assert from "node:assert/strict";
import { fillMarkers } from "../../../bench/eval/report/markers.ts";
import { sectionsOf } from "../../../bench/report/sections.ts";

Deno.test("docs/BENCHMARKS.md has a place for every section and the plots", async () => {
  const page = await Deno.readTextFile("docs/BENCHMARKS.md");
  const sections = { ...sectionsOf([]), plots: "none" };
  const filled = fillMarkers(page, sections, "bench");
  for (const name of Object.keys(sections)) {
    assert.match(filled, new RegExp(`<!-- bench:${name} -->`));
  }
});

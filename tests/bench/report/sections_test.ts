import assert from "node:assert/strict";
import { latest } from "../../../bench/report/devices.ts";
import { sectionsOf } from "../../../bench/report/sections.ts";
import { line } from "./fixture.ts";

Deno.test("of each device the latest file counts, and other files don't", () => {
  assert.deepEqual(
    latest([
      "2026-11-28-llvmpipe.jsonl",
      "2026-11-03-llvmpipe.jsonl",
      "eval",
      "2026-11-03-h100.jsonl",
    ]),
    ["2026-11-03-h100.jsonl", "2026-11-28-llvmpipe.jsonl"],
  );
});

Deno.test("sections tell medians, what was left out, and kernels apart", () => {
  const sections = sectionsOf([{
    slug: "llvmpipe",
    lines: [
      line("demo/decode/batch=1", [80, 100, 90]),
      { ...line("context/decode", []), skipped: "--quick" },
      line("kernels/demo/batch=8/matvec 8 qkv/us", [41], { unit: "µs" }),
      line("kernels/demo/batch=8/matvec 8 qkv/of_limit", [0.5], { unit: "share" }),
    ],
  }]);
  assert.match(sections.run, /\*\*llvmpipe\*\*: llvmpipe, driver 1\.2, .*commit abc1234/);
  assert.match(sections.series, /demo\/decode\/batch=1 \| 90 tokens\/s \| 80 .*\| 100 .*\| 3/);
  assert.match(sections.series, /- context\/decode: --quick/);
  assert.doesNotMatch(sections.series, /matvec/);
  assert.match(
    sections.kernels,
    /kernels of demo, batch=8\n\n[^]*matvec 8 qkv \| 41\.0 \| 50\.0 %/,
  );
  assert.match(sections.targets, /\| target \| wanted/);
});

Deno.test("without results every section says how to get them", () => {
  for (const text of Object.values(sectionsOf([]))) assert.match(text, /deno task bench/);
});

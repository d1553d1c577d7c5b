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

Deno.test("adapters by URL have tables of their own, and what of them wasn't measured is told with the series", () => {
  const first = (level: string, ms: number) =>
    line(`adapters/first_token/large/${level}`, [ms, ms + 2, ms + 1], { unit: "ms" });
  const { adapters, series } = sectionsOf([{
    slug: "llvmpipe",
    lines: [
      first("base", 60),
      first("memory", 110),
      first("memory/fetch", 1),
      first("memory/upload", 7),
      line("adapters/swap/large/takes", [470], { unit: "ms" }),
      line("adapters/swap/large/stall", [-3.5], { unit: "ms" }),
      line("adapters/fetch/plain", [976], { unit: "MB/s" }),
      { ...line("adapters/first_token/small", []), skipped: "--quick" },
    ],
  }]);
  const row = (what: string) =>
    adapters.split("\n").find((text) => text.startsWith(`| ${what} `))!.split("|").slice(1, -1)
      .map((cell) => cell.trim());
  assert.deepEqual(row("in memory"), [
    "in memory",
    "",
    "",
    "",
    "111 ms (110 to 112)",
    "2 ms",
    "8 ms",
  ]);
  assert.deepEqual(row("swap, large").slice(1, 3), [
    "470 ms",
    "-3.5 ms",
  ]);
  assert.match(adapters, /plain `fetch`, to nowhere \| 976 MB\/s/);
  assert.doesNotMatch(adapters, /on the disk \|/);
  assert.doesNotMatch(series, /\| adapters/);
  assert.match(series, /- adapters\/first_token\/small: --quick/);
});

Deno.test("a device without figures of adapters by URL says how to get them", () => {
  const { adapters } = sectionsOf([{ slug: "llvmpipe", lines: [line("limits/stream", [9])] }]);
  assert.match(adapters, /llvmpipe: adapters by URL\n\nNot measured: `deno task bench adapters`/);
});

Deno.test("without results every section says how to get them", () => {
  for (const text of Object.values(sectionsOf([]))) assert.match(text, /deno task bench/);
});

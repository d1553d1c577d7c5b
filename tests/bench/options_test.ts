import assert from "node:assert/strict";
import { GROUPS, parseOptions, PARTS } from "../../bench/options.ts";
import { testRefusals } from "./refusals.ts";

Deno.test("without flags everything is measured, five rounds of it, and the file begins anew", () => {
  const options = parseOptions([]);
  assert.equal(options.command, "run");
  assert.deepEqual(options.parts, PARTS);
  assert.equal(options.rounds, 5);
  assert.equal(options.isPartial, false);
});

Deno.test("--quick has fewer rounds, and leaves out what only prints tables", () => {
  const options = parseOptions(["--quick"]);
  assert.deepEqual(options.parts, GROUPS);
  assert.ok(options.rounds < 5);
  assert.equal(parseOptions(["--quick", "--rounds", "7"]).rounds, 7);
});

Deno.test("parts run in their own order, and what others measured is kept", () => {
  const options = parseOptions(["platform", "http", "limits"]);
  assert.deepEqual(options.parts, ["limits", "http", "platform"]);
  assert.equal(options.isPartial, true);
});

Deno.test("--only measures the parts of its series", () => {
  const options = parseOptions(["--only", "lora/demo/decode", "--only", "demo"]);
  assert.deepEqual(options.parts, ["demo", "lora"]);
  assert.deepEqual(options.only, ["lora/demo/decode", "demo"]);
  assert.equal(options.isPartial, true);
});

Deno.test("report is a command of its own", () => {
  const options = parseOptions(["report", "--docs", "other.md"]);
  assert.deepEqual([options.command, options.docs], ["report", "other.md"]);
});

testRefusals(parseOptions, [
  [
    "lorra",
    /Cannot measure "lorra": there is tune, limits, start, .*adapters, .*platform, or report/,
  ],
  ["report demo", /Cannot run "report demo": report alone/],
  ["--only decode", /Cannot use --only "decode": names begin with tune, limits/],
  ["--rounds 0", /Cannot use --rounds "0": it takes a whole number from 1/],
  ["--budget soon", /--budget "soon"/],
  ["--slow", /--slow.*--help lists the flags/],
]);

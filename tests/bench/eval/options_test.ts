import assert from "node:assert/strict";
import { parseOptions } from "../../../bench/eval/options.ts";
import { testRefusals } from "../refusals.ts";

Deno.test("without flags everything runs with a started server", () => {
  const options = parseOptions([]);
  assert.equal(options.command, "run");
  assert.deepEqual(options.parts, ["router", "tasks", "composite", "sweep", "timing"]);
  assert.equal(options.samples, 30);
  assert.deepEqual(options.adapters, [1, 3, 26, 50, 100]);
  assert.equal(options.url, null);
});

Deno.test("parts run in their own order, however they are named", () => {
  assert.deepEqual(parseOptions(["--only", "timing", "--only", "tasks"]).parts, [
    "tasks",
    "timing",
  ]);
});

testRefusals(parseOptions, [
  ["rum", /Cannot use command "rum": there is run, score, report/],
  ["run report", /Cannot run "run report": one command at a time/],
  ["--only quality", /Cannot use --only "quality": there is router, tasks/],
  ["--methods base,bset", /Cannot use --methods "bset": there is base, joint/],
  ["--samples 0", /Cannot use --samples "0": it takes a whole number from 1/],
  ["--samples ten", /--samples "ten"/],
  ["--adapters 1,x", /--adapters "x"/],
  ["--speed 3", /--speed.*--help lists the flags/],
]);

import assert from "node:assert/strict";
import type { Results } from "../../../../bench/eval/results.ts";
import { barsOf } from "../../../../bench/eval/report/bars.ts";
import { barSection } from "../../../../bench/eval/report/bars_section.ts";
import { goodResults } from "./fixture.ts";

const EMPTY: Partial<Results> = { routers: [], tasks: [], composites: [], timing: [] };

/** The bars of the fixture with something changed. */
function bars(change: (results: Results) => void) {
  const results = goodResults();
  change(results);
  return barsOf(results);
}

function failing(change: (results: Results) => void): string[] {
  return bars(change).filter(({ isMet }) => !isMet).map(({ what }) => what);
}

Deno.test("every target is met by results that meet it", () => {
  assert.deepEqual(failing(() => {}), []);
  assert.deepEqual(barsOf(goodResults()).map(({ measured }) => measured), [
    "99.50 %",
    "0.00 points",
    "-0.50 points",
    "+10.0 points",
    "+15.0 points",
    "+13.0 points",
    "+18.0 points",
    "+15.0 points",
    "+20.0 points",
    "+10.0 points",
    "+15.0 points",
    "+13.0 points",
    "+18.0 points",
    "+15.0 points",
    "+20.0 points",
    "1.10 (1.08 to 1.12)",
    "1.05 (1.04 to 1.06)",
    "1.14 (1.10 to 1.90)",
    "1.01 (1.01 to 1.04)",
  ]);
});

Deno.test("each target is missed by results that miss it", () => {
  assert.deepEqual(failing(({ routers }) => routers[0].accuracy = 0.96), [
    "router accuracy, mean of the routers",
  ]);
  assert.deepEqual(failing(({ tasks }) => tasks[0].methods["top-p"].accuracy = [0.75, 0.72]), [
    "top-p against each task's own adapter, multiple choice, accuracy",
  ]);
  assert.deepEqual(failing(({ tasks }) => tasks[1].methods["top-p"].rougeL = [0.7, 0.7]), [
    "top-p against each task's own adapter, QA, ROUGE-L",
  ]);
  assert.deepEqual(failing(({ composites }) => composites[0].methods.prompt.sentences = [0.65]), [
    "composite: a route a sentence (keep, carry) against one route a prompt, sentences right",
  ]);
  assert.deepEqual(failing(({ composites }) => composites[0].methods.joint.sentences = [0.8]), [
    "composite: a route a sentence (keep, carry) against the joint adapter, sentences right",
    "composite: a route a sentence (redraw, carry) against the joint adapter, sentences right",
    "composite: a route a sentence (redraw, recompute) against the joint adapter, sentences right",
  ]);
  assert.deepEqual(failing(({ timing }) => timing[3].ms = [116, 116, 110]), [
    "three tasks a prompt: time of an answer with 3 adapters forced in each sentence over a single adapter's, the worst number of adapters",
  ]);
  assert.deepEqual(failing(({ timing }) => timing[4].ms = [116, 116, 110]), [
    "three tasks a prompt: time of an answer as the router mixes it over a single adapter's, the worst number of adapters",
  ]);
  assert.deepEqual(failing(({ timing }) => timing[6].ms = [59, 58, 57]), [
    "one task a prompt: time of an answer as the router mixes it over a single adapter's, the worst number of adapters",
  ]);
  assert.deepEqual(failing(({ timing }) => timing[1].ms = [106, 108, 104]), [
    "time of an answer with one adapter, 100 resident over 1 resident",
  ]);
});

Deno.test("adapters that did not fit on the GPU don't count as resident", () => {
  const residents = bars(({ timing }) => timing[1].resident = 64).at(-1)!;
  assert.equal(residents.measured, null);
  assert.ok(!residents.isMet);
});

Deno.test("a time that was taken twice is no measurement yet", () => {
  const time = bars(({ timing }) => timing[3].ms = [100, 100]).at(-2)!;
  assert.equal(time.measured, null);
});

Deno.test("what wasn't measured is neither met nor missed", () => {
  const none = barsOf({ ...goodResults(), ...EMPTY });
  assert.ok(none.length === 19 && none.every(({ measured, isMet }) => measured === null && !isMet));
  const section = barSection({ ...goodResults(), ...EMPTY });
  assert.ok(!/\bmet\b/.test(section) && section.includes("not measured"), section);
});

Deno.test("the table says met or not met", () => {
  const results = goodResults();
  assert.match(barSection(results), /router accuracy.*\| met \|/);
  results.routers[0].accuracy = 0.5;
  assert.match(barSection(results), /router accuracy.*\| \*\*not met\*\* \|/);
});

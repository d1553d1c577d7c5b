import assert from "node:assert/strict";
import { MATCH_STEPS, MAX_PATTERN_LENGTH, Pattern } from "../../../adapters/peft/pattern.ts";
import { readFixture } from "../fixtures.ts";

interface Matching {
  names: string[];
  patterns: { pattern: string; full: number[]; key: number[] | null }[];
  invalid: string[];
  unsupported: string[];
}

const matching = await readFixture<Matching>("matching.json");

function pattern(source: string): Pattern {
  return new Pattern(source, { steps: MATCH_STEPS });
}

for (const { pattern: source, full, key } of matching.patterns) {
  Deno.test(`pattern ${JSON.stringify(source)} matches the names that Python's re matches`, () => {
    const tested = pattern(source);
    const indexes = (test: (name: string) => boolean) =>
      matching.names.flatMap((name, index) => test(name) ? [index] : []);
    assert.deepEqual(indexes((name) => tested.matches(name)), full);
    if (key !== null) assert.deepEqual(indexes((name) => tested.matchesTail(name)), key);
  });
}

for (const source of [...matching.invalid, ...matching.unsupported]) {
  Deno.test(`pattern ${JSON.stringify(source)} is refused with the reason`, () => {
    assert.throws(() => pattern(source), {
      name: "WeftError",
      code: "bad_adapter",
      message: /^pattern ".*" (has|uses|repeats|ends|nests) /,
    });
  });
}

const name = "model.layers.1000000.self_attn.q_proj.something_rather_long_to_backtrack_on";
for (
  const source of [
    "(.*)*(.*)*(.*)*!",
    "((((((a*)*)*)*)*)*)*!",
    "(([a-z._0-9]+)+)+!",
    "(.|.|.)*(.|[a-z])*!",
    "(|x|.)*!",
    "(?:(?:.{0,9}){0,9}){0,9}!",
    "(?=(.*.*.*)*!)?.*!",
    "((.?){1000000}){1000000}!",
  ]
) {
  Deno.test(`pattern ${source} fails on a long name in at most cubic work`, () => {
    const budget = { steps: MATCH_STEPS };
    assert.equal(new Pattern(source, budget).matches(name), false);
    const steps = MATCH_STEPS - budget.steps;
    assert.ok(steps <= name.length ** 3, `${steps} steps`);
  });
}

Deno.test("a nullable body repeated often still matches", () => {
  assert.equal(pattern("(a?){5,9}").matches("a"), true);
  assert.equal(pattern("(|x)*model(y*)+").matches("model"), true);
  assert.equal(pattern("(?:a|ab){2}").matches("aba"), true);
  assert.equal(pattern("(?:a|ab){2}").matches("ab"), false);
});

Deno.test("a pattern whose matching takes more than the budget is refused", () => {
  const slow = new Pattern(".*".repeat(5000) + "!", { steps: 100_000 });
  assert.throws(() => slow.matches(name), {
    code: "bad_adapter",
    message: /takes too many steps to match/,
  });
});

Deno.test("a pattern longer than the limit is refused before it is parsed", () => {
  assert.throws(() => pattern("(".repeat(MAX_PATTERN_LENGTH + 1)), {
    message: /characters; at most/,
  });
  assert.throws(() => pattern("(".repeat(MAX_PATTERN_LENGTH)), { message: /nests more than/ });
});

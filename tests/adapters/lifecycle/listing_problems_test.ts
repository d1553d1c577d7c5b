import assert from "node:assert/strict";
import { ListingProblems } from "../../../adapters/lifecycle/listing_problems.ts";

/** Lists a place with these problems, and gives what was told. */
function lister(): (place: string, problems: string[]) => string[] {
  let told: string[] = [];
  const listings = new ListingProblems((place, problem) => told.push(`${place}: ${problem}`));
  return (place, problems) => {
    told = [];
    const { report, end } = listings.begin(place);
    problems.forEach(report);
    end();
    return told;
  };
}

Deno.test("a problem is told once while it stays, and again when it is back", () => {
  const list = lister();
  assert.deepEqual(list("a", ["x", "y", "x"]), ["a: x", "a: y"]);
  assert.deepEqual(list("a", ["y", "x", "z"]), ["a: z"]);
  assert.deepEqual(list("b", ["x"]), ["b: x"]);
  assert.deepEqual(list("a", []), []);
  assert.deepEqual(list("a", ["x"]), ["a: x"]);
});

Deno.test("of a flood of problems, new ones at each listing, the first hundred are told and the others counted", () => {
  const list = lister();
  // That there are as many more is no news the second time.
  for (const [round, expected] of [[1, 101], [2, 100]]) {
    const told = list("a", Array.from({ length: 50_000 }, (_, i) => `${round}.${i}`));
    assert.equal(told.length, expected);
    assert.equal(told[99], `a: ${round}.99`);
  }
  assert.equal(
    list("b", Array.from({ length: 150 }, (_, i) => `${i}`)).at(-1),
    "b: 50 more problems of this kind or another",
  );
});

import assert from "node:assert/strict";
import { scoreComposite } from "../../../../bench/eval/metrics/composite.ts";

const SAMPLE = { answer: "red. Eva. who: Kira.", answers: ["red.", "Eva.", "who: Kira."] };

function score(reply: string): [string, boolean] {
  const { sentences, whole } = scoreComposite(reply, SAMPLE);
  return [sentences.map((right) => right ? "1" : "0").join(""), whole];
}

Deno.test("a right reply is right throughout, whatever space is around it", () => {
  assert.deepEqual(score("red. Eva. who: Kira."), ["111", true]);
  assert.deepEqual(score(" red. Eva. who: Kira.\n"), ["111", true]);
});

Deno.test("a wrong sentence is passed over, and those behind it still count", () => {
  assert.deepEqual(score("blue. Eva. who: Kira."), ["011", false]);
  assert.deepEqual(score("red. Sam. who: Kira."), ["101", false]);
});

Deno.test("a sentence in another's place is wrong", () => {
  assert.deepEqual(score("Eva. red. who: Kira."), ["001", false]);
});

Deno.test("sentences that are missing are wrong, and more than was asked for isn't whole", () => {
  assert.deepEqual(score("red."), ["100", false]);
  assert.deepEqual(score(""), ["000", false]);
  assert.deepEqual(score("red. Eva. who: Kira. And more."), ["111", false]);
});

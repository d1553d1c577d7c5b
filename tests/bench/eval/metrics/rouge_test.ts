import assert from "node:assert/strict";
import { longestCommon, rouge1, rougeL } from "../../../../bench/eval/metrics/rouge.ts";

function close(found: number, wanted: number): void {
  assert.ok(Math.abs(found - wanted) < 1e-12, `${found} is not ${wanted}`);
}

Deno.test("ROUGE-L is the paper's in its own example (Lin 2004, section 3.1)", () => {
  close(rougeL(["police kill the gunman"], ["police killed the gunman"]), 3 / 4);
  close(rougeL(["the gunman kill police"], ["police killed the gunman"]), 2 / 4);
});

Deno.test("ROUGE-1 doesn't see the order of words", () => {
  close(rouge1(["the gunman kill police"], ["police killed the gunman"]), 3 / 4);
});

// rouge-score 0.1.2 without stemming.
Deno.test("case, marks and repeated words count as with rouge-score", () => {
  const [reply, answer] = ["the kite and the red-red rope 2", "The Red, red Kite's 2 ropes!"];
  close(rouge1([reply], [answer]), 0.6666666666666666);
  close(rougeL([reply], [answer]), 0.5333333333333333);
});

Deno.test("the mean over short answers is rouge-score's", () => {
  const replies = [
    "who: Ben; what: ball; where: kitchen",
    "la baku amor un tasu verda",
    "forty three and twenty",
    "Ana hid the frog.",
    "grey, blue, green and peach",
    "fish, horse, sheep",
  ];
  const answers = [
    "who: Ben; what: ball; where: kitchen",
    "la baku amor un verda tasu",
    "forty three and twenty one",
    "Ana hid the frog.",
    "grey, blue, green",
    "fish, sheep, horse",
  ];
  close(rouge1(replies, answers), 0.9398148148148148);
  close(rougeL(replies, answers), 0.8564814814814815);
});

Deno.test("without a word in common, or without words, the score is 0", () => {
  assert.equal(rouge1(["a", ""], ["b", "c"]), 0);
  assert.equal(rougeL(["?"], ["!"]), 0);
  assert.throws(() => rougeL([], []), RangeError);
});

Deno.test("the longest common subsequence may have gaps on both sides", () => {
  assert.equal(longestCommon([..."ABCBDAB"], [..."BDCABA"]), 4);
  assert.equal(longestCommon([], ["a"]), 0);
});

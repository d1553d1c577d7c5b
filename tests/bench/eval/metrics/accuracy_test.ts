import assert from "node:assert/strict";
import { accuracy } from "../../../../bench/eval/metrics/accuracy.ts";

Deno.test("only the right option itself is right", () => {
  const replies = ["young", " young\n", "Young", "The answer is young.", "young.", ""];
  assert.equal(accuracy(replies, replies.map(() => "young")), 2 / 6);
});

Deno.test("nothing to score is refused", () => {
  assert.throws(() => accuracy([], []), /0 replies against 0 answers/);
  assert.throws(() => accuracy(["a"], ["a", "b"]), /1 replies against 2 answers/);
});

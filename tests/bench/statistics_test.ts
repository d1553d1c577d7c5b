import assert from "node:assert/strict";
import { deviation, groupBy, mean, median } from "../../bench/statistics.ts";

Deno.test("the deviation is that of a sample", () => {
  assert.equal(deviation([2, 4, 4, 4, 5, 5, 7, 9]), Math.sqrt(32 / 7));
  assert.equal(deviation([1]), null);
});

Deno.test("the median of an even number of values lies between the middle two", () => {
  assert.equal(median([10, 1, 3]), 3);
  assert.equal(median([10, 1, 3, 4]), 3.5);
  assert.throws(() => median([]), RangeError);
});

Deno.test("groups stand in the order in which their keys come", () => {
  assert.deepEqual([...groupBy([3, 1, 4, 6], (n) => n % 2)], [[1, [3, 1]], [0, [4, 6]]]);
  assert.equal(mean([1, 2, 6]), 3);
});

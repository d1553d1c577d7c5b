import assert from "node:assert/strict";
import { Gaps } from "../../../bench/adapters/gaps.ts";

Deno.test("a span has the gaps that touch it, whole", async () => {
  const gaps = new Gaps();
  const times: number[] = [];
  async function* chunks() {
    for (let i = 0; i < 4; i++) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      yield times.push(performance.now());
    }
  }
  await gaps.follow(chunks(), new AbortController().signal);
  const [first, second, third] = times;
  // Within the second gap: that one alone.
  const [gap, ...others] = gaps.within({ from: second + 1, to: second + 2 });
  assert.deepEqual(others, []);
  assert.ok(Math.abs(gap - (third - second)) < 5, `${gap}, and ${third - second} passed`);
  assert.equal(gaps.within({ from: first - 10, to: third + 1 }).length, 3);
  assert.deepEqual(gaps.within({ from: 0, to: first - 10 }), []);
});

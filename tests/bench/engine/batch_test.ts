import assert from "node:assert/strict";
import { promptOf, rateOf } from "../../../bench/engine/batch.ts";

Deno.test("only tokens drawn while all rows decode count", () => {
  const rows = [
    // It began early: what it drew before the other's first token doesn't count.
    { arrivals: [0, 10, 20, 30].map((at) => ({ at, tokens: 4 })), doneAt: 30 },
    { arrivals: [10.1, 20, 30, 40].map((at) => ({ at, tokens: 4 })), doneAt: 40 },
  ];
  // From 10.1 to 30: two bursts of each row in 20 ms less the grain of a step.
  assert.ok(Math.abs(rateOf(rows) - 1000 * 16 / 19.9) < 1, `${rateOf(rows)}`);
});

Deno.test("rows that never decode together have no rate", () => {
  const row = (at: number) => ({ arrivals: [{ at, tokens: 1 }], doneAt: at });
  assert.throws(() => rateOf([row(0), row(10)]), /never decode together/);
});

Deno.test("prompts differ by row and salt, and are the same for the same", () => {
  const prompts = [[0, 1], [1, 1], [0, 2]].map(([row, salt]) =>
    promptOf(32, { row, salt }).join(" ")
  );
  assert.equal(new Set(prompts).size, 3);
  assert.deepEqual(promptOf(32, { row: 1, salt: 5 }), promptOf(32, { row: 1, salt: 5 }));
  assert.ok(promptOf(2000, { salt: 9 }).every((token) => token >= 16 && token < 1916));
});

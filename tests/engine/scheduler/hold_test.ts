import assert from "node:assert/strict";
import { add, schedulerWith, step } from "./harness.ts";

Deno.test("a held row sits out steps with its row and blocks, and goes on when resumed", () => {
  const scheduler = schedulerWith();
  const [held, other] = ["held", "other"].map((id, seed) => add(scheduler, id, { seed }));
  step(scheduler);
  scheduler.hold(held);
  const { row } = held;
  assert.deepEqual(step(scheduler).decodes, [other]);
  assert.deepEqual([held.row, held.state, held.blockTable.length], [row, "running", 1]);
  scheduler.resume(held);
  assert.deepEqual(step(scheduler).decodes, [held, other]);
});

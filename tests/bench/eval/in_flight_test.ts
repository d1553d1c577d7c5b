import assert from "node:assert/strict";
import { inFlight } from "../../../bench/eval/in_flight.ts";

Deno.test("never more than the limit run, and all are done", async () => {
  let running = 0;
  let most = 0;
  const done: number[] = [];
  await inFlight([...Array(20).keys()], 4, async (item) => {
    most = Math.max(most, ++running);
    await new Promise((resolve) => setTimeout(resolve, item % 3));
    running--;
    done.push(item);
  });
  assert.equal(most, 4);
  assert.deepEqual(done.sort((a, b) => a - b), [...Array(20).keys()]);
});

Deno.test("a failure stops what runs, begins nothing more, and is thrown", async () => {
  const begun: number[] = [];
  const work = async (item: number, signal: AbortSignal) => {
    begun.push(item);
    if (item === 1) throw new Error("one is bad");
    await new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
  };
  await assert.rejects(inFlight([0, 1, 2, 3], 2, work), /one is bad/);
  assert.deepEqual(begun, [0, 1]);
});

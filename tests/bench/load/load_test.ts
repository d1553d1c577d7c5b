import assert from "node:assert/strict";
import { closedLoop } from "../../../bench/load/closed_loop.ts";
import { arrivalTimes, exponential, poissonLoad } from "../../../bench/load/poisson.ts";
import { randomOf } from "../../../bench/load/random.ts";

const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** A server that takes `ms` for each answer and tells how many were open at most. */
function slowServer(ms: number) {
  const seen = { open: 0, most: 0, asked: 0 };
  return {
    seen,
    async ask() {
      seen.asked++;
      seen.most = Math.max(seen.most, ++seen.open);
      await wait(ms);
      seen.open--;
      return seen.asked;
    },
  };
}

Deno.test("gaps are exponential: their mean, and none for the least number", () => {
  const count = 10_000;
  const gaps = Array.from({ length: count }, (_, i) => exponential((i + 0.5) / count));
  assert.ok(Math.abs(gaps.reduce((a, b) => a + b) / count - 1) < 0.01);
  assert.equal(Math.abs(exponential(0)), 0);
});

Deno.test("arrivals are as irregular as a Poisson process's, and the last comes when the rate says", () => {
  const times = arrivalTimes({ requests: 4000, rate: 20, random: randomOf(8) });
  assert.ok(Math.abs(times.at(-1)! - 200_000) < 1e-6);
  // Counts of equal spans vary as much as they are large.
  const counts = Array.from({ length: 400 }, () => 0);
  for (const time of times) counts[Math.min(399, Math.floor(time / 500))]++;
  const variance = counts.reduce((sum, n) => sum + (n - 10) ** 2, 0) / 400;
  assert.ok(variance > 8 && variance < 12, `${variance}, and 10 arrive in each span`);
});

Deno.test("an open loop sends whatever the earlier requests do", async () => {
  const { ask, seen } = slowServer(300);
  const load = { requests: 10, rate: 100, maxOpen: 64, random: randomOf(1) };
  const sent = await poissonLoad(ask, load);
  assert.equal(sent.length, 10);
  // All have arrived after 100 ms, and the first is answered after 300.
  assert.equal(seen.most, 10);
  for (const { arrivedAt, sentAt, doneAt } of sent) {
    assert.ok(sentAt - arrivedAt < 100, `sent ${sentAt - arrivedAt} ms late`);
    assert.ok(doneAt - sentAt >= 295);
  }
});

Deno.test("what arrives beyond the most that may be open waits its turn, counted from its arrival", async () => {
  const { ask, seen } = slowServer(50);
  const load = { requests: 6, rate: 1000, maxOpen: 2, random: randomOf(1) };
  const sent = await poissonLoad(ask, load);
  assert.equal(seen.most, 2);
  assert.equal(sent.length, 6);
  const waits = sent.map(({ arrivedAt, sentAt }) => sentAt - arrivedAt);
  assert.ok(waits[5] > 60, `the last of three pairs waited ${waits[5]} ms`);
  const order = sent.map(({ sentAt }) => sentAt);
  assert.deepEqual(order, [...order].sort((a, b) => a - b));
});

Deno.test("a request that fails fails the load, after the others were sent", async () => {
  let asked = 0;
  const ask = () => asked++ === 0 ? Promise.reject(new Error("503")) : Promise.resolve(asked);
  const load = { requests: 4, rate: 1000, maxOpen: 1, random: randomOf(1) };
  await assert.rejects(poissonLoad(ask, load), /503/);
  assert.equal(asked, 4);
});

Deno.test("in a closed loop each client has one request open, and asks again at once", async () => {
  const { ask, seen } = slowServer(5);
  const sent = await closedLoop(ask, { clients: 3, requestsEach: 4 });
  assert.deepEqual([sent.length, seen.asked, seen.most], [12, 12, 3]);
});

import assert from "node:assert/strict";
import { Limiter } from "../../adapters/limiter.ts";

Deno.test("no more tasks run at once than allowed, in the order they came", async () => {
  const limiter = new Limiter(2);
  const order: number[] = [];
  let running = 0;
  await Promise.all([0, 1, 2, 3, 4].map((index) =>
    limiter.run(async () => {
      order.push(index);
      assert.ok(++running <= 2);
      await new Promise((resolve) => setTimeout(resolve, 2));
      running--;
    })
  ));
  assert.deepEqual(order, [0, 1, 2, 3, 4]);
});

Deno.test("a task that fails frees its place", async () => {
  const limiter = new Limiter(1);
  await assert.rejects(limiter.run(() => Promise.reject(new Error("broken"))), {
    message: "broken",
  });
  assert.equal(await limiter.run(() => Promise.resolve(7)), 7);
});

Deno.test("a caller that aborts while waiting leaves the line without running", async () => {
  const limiter = new Limiter(1);
  const { promise, resolve } = Promise.withResolvers<void>();
  const first = limiter.run(() => promise);
  const controller = new AbortController();
  let hasRun = false;
  const second = limiter.run(() => Promise.resolve(hasRun = true), controller.signal);
  const third = limiter.run(() => Promise.resolve("third"));
  controller.abort(new Error("gone"));
  await assert.rejects(second, { message: "gone" });
  resolve();
  await first;
  assert.equal(await third, "third");
  assert.equal(hasRun, false);
});

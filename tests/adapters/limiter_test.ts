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
  const second = limiter.run(() => Promise.resolve(hasRun = true), {
    signal: controller.signal,
  });
  const third = limiter.run(() => Promise.resolve("third"));
  controller.abort(new Error("gone"));
  await assert.rejects(second, { message: "gone" });
  resolve();
  await first;
  assert.equal(await third, "third");
  assert.equal(hasRun, false);
});

Deno.test("a place goes to the share that has the fewest, within it to the first in line", async () => {
  const limiter = new Limiter(2);
  const order: string[] = [];
  const gates = new Map(["a1", "a2", "a3", "a4", "b1", "b2", "c1"].map((name) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const task = () => {
      order.push(name);
      return promise;
    };
    const done = limiter.run(task, { share: name[0] });
    return [name, async () => {
      resolve();
      await done;
      await turn();
    }];
  }));
  const next = async (finished: string) => {
    const before = order.length;
    await gates.get(finished)!();
    return order.slice(before);
  };
  await turn();
  assert.deepEqual(order, ["a1", "a2"]);
  assert.deepEqual(await next("a1"), ["b1"]); // beside a2
  assert.deepEqual(await next("a2"), ["a3"]); // beside b1: a and c have none, and a came first
  assert.deepEqual(await next("a3"), ["a4"]);
  assert.deepEqual(await next("b1"), ["b2"]); // beside a4, and before c
  assert.deepEqual(await next("a4"), ["c1"]);
  await Promise.all([...gates.values()].map((open) => open()));
});

/** Lets everything go on that waits for nothing. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

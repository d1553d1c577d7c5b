import assert from "node:assert/strict";
import { SingleFlight } from "../../adapters/single_flight.ts";

/** A flight of numbers under test control. */
function setUp() {
  const disposed: number[] = [];
  const flights = new SingleFlight<number>((value) => disposed.push(value));
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  let starts = 0;
  let taskSignal: AbortSignal | undefined;
  const task = (signal: AbortSignal) => {
    starts++;
    taskSignal = signal;
    return promise;
  };
  const run = (signal?: AbortSignal) =>
    flights.run("key", { signal, task, take: (value) => value * 2 });
  return {
    disposed,
    flights,
    resolve,
    reject,
    run,
    starts: () => starts,
    taskSignal: () => taskSignal,
  };
}

Deno.test("callers of one key share a task, and each takes its own result", async () => {
  const { disposed, resolve, run, starts } = setUp();
  const results = [run(), run(), run()];
  await Promise.resolve();
  resolve(21);
  assert.deepEqual(await Promise.all(results), [42, 42, 42]);
  assert.equal(starts(), 1);
  assert.deepEqual(disposed, [21]);
  await run();
  assert.equal(starts(), 2);
});

Deno.test("all callers take before anything else runs and before the hold is given back", async () => {
  const order: string[] = [];
  const flights = new SingleFlight<string>(() => order.push("dispose"));
  const { promise, resolve } = Promise.withResolvers<string>();
  const task = () => promise.then((value) => (queueMicrotask(() => order.push("other")), value));
  const runs = ["a", "b"].map((name) => flights.run("key", { task, take: () => order.push(name) }));
  resolve("");
  await Promise.all(runs);
  const taken = order.filter((entry) => entry !== "other");
  assert.deepEqual(taken, ["a", "b", "dispose"]);
  assert.equal(order.indexOf("b") - order.indexOf("a"), 1);
  assert.equal(order.indexOf("dispose") - order.indexOf("b"), 1);
});

Deno.test("a failure reaches every caller, and the next one tries again", async () => {
  const { reject, run, starts, disposed } = setUp();
  const results = [run(), run()];
  reject(new Error("broken"));
  for (const result of results) await assert.rejects(result, { message: "broken" });
  await assert.rejects(run(), { message: "broken" });
  assert.equal(starts(), 2);
  assert.deepEqual(disposed, []);
});

Deno.test("a task that throws at once fails its callers", async () => {
  const flights = new SingleFlight<number>(() => {});
  const task = () => {
    throw new Error("at once");
  };
  await assert.rejects(flights.run("key", { task, take: Number }), { message: "at once" });
});

Deno.test("an aborted caller leaves alone; the others get their result", async () => {
  const { disposed, resolve, run, taskSignal } = setUp();
  const controller = new AbortController();
  const [left, stayed] = [run(controller.signal), run()];
  await Promise.resolve();
  controller.abort(new Error("gone"));
  await assert.rejects(left, { message: "gone" });
  assert.equal(taskSignal()?.aborted, false);
  resolve(1);
  assert.equal(await stayed, 2);
  assert.deepEqual(disposed, [1]);
});

Deno.test("the last caller to leave aborts the task; a late result is disposed of, a newcomer starts anew", async () => {
  const { disposed, resolve, run, starts, taskSignal } = setUp();
  const controllers = [new AbortController(), new AbortController()];
  const results = controllers.map(({ signal }) => run(signal));
  await Promise.resolve();
  const first = taskSignal();
  for (const controller of controllers) controller.abort(new Error("gone"));
  for (const result of results) await assert.rejects(result, { message: "gone" });
  assert.equal(first?.aborted, true);
  const next = run();
  resolve(3);
  assert.equal(await next, 6);
  assert.equal(starts(), 2);
  assert.deepEqual(disposed, [3, 3]);
});

Deno.test("an aborted signal does not even join", async () => {
  const { run, starts } = setUp();
  await assert.rejects(run(AbortSignal.abort(new Error("before"))), { message: "before" });
  assert.equal(starts(), 0);
});

Deno.test("a caller whose take throws fails alone", async () => {
  const { flights, resolve, run, disposed } = setUp();
  const fine = run();
  const take = () => {
    throw new Error("no room");
  };
  const failing = flights.run("key", { task: () => Promise.resolve(0), take });
  resolve(4);
  await assert.rejects(failing, { message: "no room" });
  assert.equal(await fine, 8);
  assert.deepEqual(disposed, [4]);
});

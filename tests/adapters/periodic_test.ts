import assert from "node:assert/strict";
import { Periodic, type PeriodicOptions } from "../../adapters/periodic.ts";

Deno.test("it runs at once and then after each interval", async () => {
  const time = manualSleep();
  let runs = 0;
  const periodic = make({ run: () => Promise.resolve(void runs++), sleep: time.sleep });
  assert.equal(runs, 0);
  periodic.start();
  periodic.start();
  for (let expected = 1; expected <= 4; expected++) {
    await time.asleep();
    assert.equal(runs, expected);
    time.pass();
  }
  await periodic.stop();
});

Deno.test("intervals vary by the jitter either way", async () => {
  const time = manualSleep();
  const draws = [0, 0.5, 0.999999];
  const periodic = make({
    run: () => Promise.resolve(),
    intervalMs: 1000,
    sleep: time.sleep,
    random: () => draws.shift() ?? 0.5,
  });
  periodic.start();
  const delays: number[] = [];
  for (let i = 0; i < 3; i++) {
    delays.push(Math.round(await time.asleep()));
    time.pass();
  }
  await periodic.stop();
  assert.deepEqual(delays, [900, 1000, 1100]);
});

Deno.test("an interval that isn't more than 0 is refused", () => {
  for (const intervalMs of [0, -1, Number.NaN]) {
    assert.throws(() => make({ run: () => Promise.resolve(), intervalMs }), RangeError);
  }
});

Deno.test("a run that fails is told of, once, and the next comes all the same", async () => {
  const time = manualSleep();
  const errors: unknown[] = [];
  let runs = 0;
  const periodic = make({
    // Throws before its first await, then after it.
    run: () => {
      if (runs++ === 0) throw new Error("first");
      return Promise.reject(new Error("later"));
    },
    onError: (error) => errors.push(error),
    sleep: time.sleep,
  });
  periodic.start();
  await time.asleep();
  time.pass();
  await time.asleep();
  await assert.rejects(periodic.now(), { message: "later" });
  await periodic.stop();
  assert.deepEqual(errors.map((error) => (error as Error).message), ["first", "later", "later"]);
});

Deno.test("whoever asks during a run gets one that begins after it, shared by all who asked", async () => {
  const gates = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
  let runs = 0;
  let running = 0;
  const periodic = make({
    run: async () => {
      assert.equal(++running, 1);
      await gates[runs++]?.promise;
      running--;
    },
  });
  const first = periodic.now();
  await turn();
  const second = periodic.now();
  const third = periodic.now();
  assert.equal(runs, 1);
  gates[0].resolve();
  await first;
  await turn();
  assert.equal(runs, 2);
  assert.equal(await isPending(second), true);
  gates[1].resolve();
  await Promise.all([second, third]);
  assert.equal(runs, 2);
  await periodic.stop();
});

Deno.test("however calls and the interval meet, no two runs overlap and each call gets a run of its own time", async () => {
  let running = 0;
  let begun = 0;
  const periodic = make({
    intervalMs: 1,
    run: async () => {
      begun++;
      assert.equal(++running, 1);
      for (let i = 0; i < begun % 5; i++) await Promise.resolve();
      running--;
    },
    onError: (error) => assert.fail(String(error)),
  });
  periodic.start();
  const calls: Promise<void>[] = [];
  for (let call = 0; call < 300; call++) {
    const before = begun;
    calls.push(periodic.now().then(() => assert.ok(begun > before)));
    for (let i = 0; i < call % 7; i++) await Promise.resolve();
  }
  await Promise.all(calls);
  await periodic.stop();
});

Deno.test("a caller that aborts stops waiting, and the run goes on", async () => {
  const gate = Promise.withResolvers<void>();
  let isDone = false;
  const periodic = make({
    run: async (signal) => {
      await gate.promise;
      isDone = !signal.aborted;
    },
  });
  const controller = new AbortController();
  const left = periodic.now(controller.signal);
  const stays = periodic.now();
  controller.abort(new Error("gone"));
  await assert.rejects(left, { message: "gone" });
  await assert.rejects(periodic.now(controller.signal), { message: "gone" });
  gate.resolve();
  await stays;
  assert.equal(isDone, true);
  await periodic.stop();
});

Deno.test("a run that fails after its only caller left is still told of", async () => {
  const gate = Promise.withResolvers<void>();
  const errors: unknown[] = [];
  const periodic = make({ run: () => gate.promise, onError: (error) => errors.push(error) });
  const controller = new AbortController();
  const left = periodic.now(controller.signal);
  controller.abort(new Error("gone"));
  await assert.rejects(left, { message: "gone" });
  gate.reject(new Error("broken"));
  await turn();
  assert.equal(errors.length, 1);
  await periodic.stop();
});

Deno.test("stop aborts the run under way, waits for its end and lets none follow", async () => {
  const errors: unknown[] = [];
  let hasEnded = false;
  const periodic = make({
    run: async (signal) => {
      await new Promise((resolve) => signal.addEventListener("abort", resolve));
      await turn();
      hasEnded = true;
      throw signal.reason;
    },
    onError: (error) => errors.push(error),
  });
  periodic.start();
  await turn();
  const asked = assert.rejects(periodic.now(), { name: "AbortError" });
  await periodic.stop();
  assert.equal(hasEnded, true);
  await asked;
  await assert.rejects(periodic.now(), { name: "AbortError" });
  periodic.start();
  await periodic.stop();
  assert.deepEqual(errors, []);
});

Deno.test("stop ends a real wait at once, and leaves no timer", async () => {
  const periodic = make({ run: () => Promise.resolve(), intervalMs: 1e6 });
  periodic.start();
  await periodic.now();
  await periodic.stop();
});

function make(options: Partial<PeriodicOptions> & Pick<PeriodicOptions, "run">): Periodic {
  return new Periodic({
    intervalMs: 1000,
    onError: () => {},
    ...options,
  });
}

/** Sleeps until told that the time passed. */
function manualSleep() {
  let asleep = Promise.withResolvers<number>();
  let wake = () => {};
  return {
    sleep(ms: number, signal: AbortSignal): Promise<void> {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      wake = resolve;
      signal.addEventListener("abort", () => reject(signal.reason));
      if (signal.aborted) reject(signal.reason);
      asleep.resolve(ms);
      return promise;
    },
    /** Resolves once it sleeps, to how long it means to. */
    asleep: () => asleep.promise,
    pass(): void {
      asleep = Promise.withResolvers();
      wake();
    },
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 0));
}

async function isPending(promise: Promise<unknown>): Promise<boolean> {
  const pending = Symbol();
  return await Promise.race([promise, Promise.resolve(pending)]) === pending;
}

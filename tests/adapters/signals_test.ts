import assert from "node:assert/strict";
import { systemClock } from "../../adapters/clock.ts";
import { underSignals, waitUnder } from "../../adapters/signals.ts";

Deno.test("a task runs under the first of several signals to abort, before or during it", async () => {
  const [one, two] = [new AbortController(), new AbortController()];
  const task = (signal: AbortSignal) => systemClock.sleep(60_000, signal);
  const running = underSignals([one.signal, undefined, two.signal], task);
  two.abort(new Error("two"));
  await assert.rejects(running, { message: "two" });
  let isBegun = false;
  const late = underSignals([one.signal, two.signal], () => {
    isBegun = true;
    return Promise.resolve();
  });
  await assert.rejects(late, { message: "two" });
  assert.equal(isBegun, false);
  const value = await underSignals([one.signal], (signal) => {
    assert.equal(signal.aborted, false);
    return Promise.resolve(3);
  });
  assert.equal(value, 3);
});

Deno.test("waiting ends with what is waited for, or with the signal", async () => {
  const { signal } = new AbortController();
  assert.equal(await waitUnder(Promise.resolve(1), signal), 1);
  await assert.rejects(waitUnder(Promise.reject(new Error("broken")), signal), {
    message: "broken",
  });
  const leaving = new AbortController();
  const waiting = waitUnder(new Promise(() => {}), leaving.signal);
  leaving.abort(new Error("gone"));
  await assert.rejects(waiting, { message: "gone" });
});

Deno.test("a sleep ends in time, or at once with its signal", async () => {
  const { signal } = new AbortController();
  await systemClock.sleep(1, signal);
  await assert.rejects(systemClock.sleep(60_000, AbortSignal.abort(new Error("gone"))), {
    message: "gone",
  });
});

Deno.test("a sleep longer than a timer can wait doesn't end at once", async () => {
  const waking = new AbortController();
  const sleeping = systemClock.sleep(1e12, waking.signal);
  await systemClock.sleep(10, new AbortController().signal);
  waking.abort(new Error("woken"));
  await assert.rejects(sleeping, { message: "woken" });
});

import assert from "node:assert/strict";
import type { WatchedObject } from "../../../adapters/origin.ts";
import { type Manifest, ManifestWatcher } from "../../../adapters/registry/mod.ts";
import { messageOf } from "../../../engine/core/errors.ts";
import { ManifestObject } from "./manifest_object.ts";

Deno.test("a manifest is applied once, and then only asked for", async () => {
  const { object, watcher, applied } = watch();
  object.write(manifest("a"));
  for (let poll = 0; poll < 3; poll++) await watcher.poll();
  assert.deepEqual(applied, ["a"]);
  assert.deepEqual(object.sent, { bodies: 1, unchanged: 2 });
  object.write(manifest("a", "b"));
  await watcher.poll();
  assert.deepEqual(applied, ["a", "a,b"]);
  await watcher.stop();
});

Deno.test("an origin that knows no conditions doesn't cause it to be applied again", async () => {
  const object = new ManifestObject();
  object.write(manifest("a"));
  const { watcher, applied } = watch({
    location: "memory",
    read: ({ signal }) => object.read({ signal }),
  });
  await watcher.poll();
  await watcher.poll();
  assert.deepEqual(applied, ["a"]);
  await watcher.stop();
});

Deno.test("an application that fails is tried again, without asking for the body again", async () => {
  let failures = 2;
  const { object, watcher, applied, errors } = watch(undefined, () => {
    if (failures-- > 0) throw new Error("no room");
  });
  object.write(manifest("a"));
  await assert.rejects(watcher.poll(), { message: "no room" });
  await assert.rejects(watcher.poll(), { message: "no room" });
  await watcher.poll();
  await watcher.poll();
  assert.deepEqual(applied, ["a"]);
  assert.deepEqual(errors, ["no room", "no room"]);
  assert.deepEqual(object.sent, { bodies: 1, unchanged: 3 });
  await watcher.stop();
});

Deno.test("an application that fails is not tried again once there is a newer manifest", async () => {
  const seen: string[] = [];
  const { object, watcher } = watch(undefined, (names) => {
    seen.push(names);
    if (names === "a") throw new Error("no room");
  });
  object.write(manifest("a"));
  await assert.rejects(watcher.poll(), { message: "no room" });
  object.write(manifest("b"));
  await watcher.poll();
  await watcher.poll();
  assert.deepEqual(seen, ["a", "b"]);
  await watcher.stop();
});

Deno.test("a broken manifest changes nothing, is reported at each poll and sent once", async () => {
  const { object, watcher, applied, errors } = watch();
  object.write(manifest("a"));
  await watcher.poll();
  object.write('{"version": 1, "adapters": {"b": ');
  await assert.rejects(watcher.poll(), { code: "invalid_request" });
  await assert.rejects(watcher.poll(), { code: "invalid_request" });
  assert.deepEqual(applied, ["a"]);
  assert.equal(errors.length, 2);
  assert.equal(object.sent.bodies, 2);
  object.write(manifest("b"));
  await watcher.poll();
  assert.deepEqual(applied, ["a", "b"]);
  await watcher.stop();
});

Deno.test("a manifest that can't be reached changes nothing and is reported", async () => {
  const { object, watcher, applied, errors } = watch();
  await assert.rejects(watcher.poll(), { message: "there is no manifest" });
  assert.deepEqual(errors, ["there is no manifest"]);
  object.write(manifest("a"));
  await watcher.poll();
  assert.deepEqual(applied, ["a"]);
  await watcher.stop();
});

Deno.test("an origin that says unchanged before anything was read is reported", async () => {
  const { watcher } = watch({ location: "memory", read: () => Promise.resolve(null) });
  await assert.rejects(watcher.poll(), { message: /none was read yet/ });
  await watcher.stop();
});

Deno.test("started, it polls by itself until it is stopped", async () => {
  const { object, watcher, applied } = watch(undefined, undefined, 1);
  object.write(manifest("a"));
  watcher.start();
  await until(() => applied.length === 1);
  object.write(manifest("b"));
  await until(() => applied.length === 2);
  await watcher.stop();
  object.write(manifest("c"));
  await assert.rejects(watcher.poll(), { name: "AbortError" });
  assert.deepEqual(applied, ["a", "b"]);
});

Deno.test("stop cuts a read short, quietly", async () => {
  const { watcher, errors } = watch({
    location: "memory",
    read: ({ signal }) =>
      new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
  });
  watcher.start();
  const asked = assert.rejects(watcher.poll(), { name: "AbortError" });
  await new Promise((resolve) => setTimeout(resolve, 0));
  await watcher.stop();
  await asked;
  assert.deepEqual(errors, []);
});

/** A watcher that notes the names of what it applied, unless `refuse` throws. */
function watch(
  origin?: WatchedObject,
  refuse: (names: string) => void = () => {},
  intervalMs = 1e6,
) {
  const object = new ManifestObject();
  const applied: string[] = [];
  const errors: string[] = [];
  const watcher = new ManifestWatcher({
    object: origin ?? object,
    intervalMs,
    apply: async ({ adapters }: Manifest) => {
      const names = [...adapters.keys()].join();
      await Promise.resolve();
      refuse(names);
      applied.push(names);
    },
    onError: (error) => errors.push(messageOf(error)),
  });
  return { object, watcher, applied, errors };
}

function manifest(...names: string[]) {
  const adapters = names.map((name) => [name, { url: `s3://bucket/${name}` }]);
  return { version: 1, adapters: Object.fromEntries(adapters) };
}

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 1));
}

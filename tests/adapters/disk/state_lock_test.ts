import assert from "node:assert/strict";
import { join } from "node:path";
import { StateLock } from "../../../adapters/disk/mod.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { temporary } from "./contents.ts";
import { startWorker } from "./worker.ts";

Deno.test("a state directory is made, claimed by one, and free once that one lets go", async () => {
  await using place = await temporary();
  const directory = join(place.path, "deep", "state");
  const lock = await StateLock.acquire(directory);
  await assert.rejects(StateLock.acquire(directory), (error) => {
    assert.ok(error instanceof WeftError && error.code === "conflict");
    assert.match(error.message, new RegExp(`state".*process ${Deno.pid} .*--state-dir`));
    return true;
  });
  lock.release();
  lock.release();
  using again = await StateLock.acquire(directory);
  assert.ok(again);
});

Deno.test("another process's claim holds, and ends when it is killed", async () => {
  await using place = await temporary();
  const worker = await startWorker(place.path);
  await assert.rejects(
    StateLock.acquire(place.path),
    new RegExp(`process ${worker.pid} uses it`),
  );
  await worker.kill();
  using lock = await StateLock.acquire(place.path);
  assert.ok(lock);
});

import assert from "node:assert/strict";
import { Shared } from "../../../bench/engine/shared.ts";

Deno.test("it is opened by the first who asks, once, and closed once", async () => {
  const log: string[] = [];
  const shared = new Shared(
    () => Promise.resolve(log.push("open")),
    () => void log.push("close"),
  );
  await shared.close();
  assert.deepEqual(log, []);
  assert.deepEqual(await Promise.all([shared.get(), shared.get()]), [1, 1]);
  await shared.close();
  await shared.close();
  assert.deepEqual(log, ["open", "close"]);
});

Deno.test("what couldn't be opened fails for each who asks, and needs no closing", async () => {
  let opened = 0;
  const shared = new Shared<void>(
    () => {
      opened++;
      return Promise.reject(new Error("no room"));
    },
    () => assert.fail("it was never open"),
  );
  await assert.rejects(shared.get(), /no room/);
  await assert.rejects(shared.get(), /no room/);
  assert.equal(opened, 1);
  await shared.close();
});

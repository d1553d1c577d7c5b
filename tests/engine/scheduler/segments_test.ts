import assert from "node:assert/strict";
import { add, ROOMY, step } from "./harness.ts";
import { Scheduler } from "../../../engine/scheduler/mod.ts";

Deno.test("equal text under another segment shares no block, even if its hash collides", () => {
  const options = { ...ROOMY, hashBlock: (_: bigint, tokens: Uint32Array) => BigInt(tokens[0]) };
  const scheduler = new Scheduler(options);
  const [plain, changed] = ["plain", "changed"].map((id) => add(scheduler, id, { prompt: 20 }));
  step(scheduler);
  step(scheduler);
  scheduler.changeMixture(changed, { key: "sql", from: changed.length - 1, policy: "carry" });
  while (plain.length < 40) step(scheduler);
  assert.equal(plain.blockTable[0], changed.blockTable[0]);
  assert.notEqual(plain.blockTable[1], changed.blockTable[1]);
});

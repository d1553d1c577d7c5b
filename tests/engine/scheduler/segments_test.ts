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

Deno.test("a token is taken back and drawn again, also where its predecessor ended a block", () => {
  for (let prompt = 14; prompt <= 18; prompt++) {
    const scheduler = new Scheduler(ROOMY);
    const sequence = add(scheduler, "a", { prompt, rewinds: true });
    step(scheduler);
    step(scheduler);
    const before = [...sequence.tokens];
    scheduler.rewind(sequence);
    scheduler.checkIntegrity();
    assert.deepEqual([...sequence.tokens], before.slice(0, -1));
    assert.equal(sequence.numComputed, sequence.length - 1);
    const { blockTable, numComputed } = sequence;
    const written = blockTable[Math.floor(numComputed / 16)];
    // Nobody else may find the block that is about to be written again.
    const promptTokens = Uint32Array.from(before);
    const other = scheduler.add({ id: "b", promptTokens, maxTokens: 10, mixtureKey: "" });
    const plan = scheduler.schedule()!;
    assert.ok(!other.blockTable.includes(written), `prompt of ${prompt}`);
    assert.deepEqual(plan.decodes, [sequence]);
  }
});

Deno.test("only a decoding sequence that was announced to rewind does", () => {
  const scheduler = new Scheduler(ROOMY);
  const [plain, rewinding] = [false, true].map((rewinds, i) =>
    add(scheduler, `${i}`, { prompt: 5, rewinds })
  );
  assert.throws(() => scheduler.rewind(rewinding), /cannot take back a token/);
  step(scheduler);
  assert.throws(() => scheduler.rewind(plain), /cannot take back a token/);
  scheduler.rewind(rewinding);
});

Deno.test("where every row draws one token only, the burst is one; one such row among many idles", () => {
  const scheduler = new Scheduler({ ...ROOMY, maxBatch: 8, maxBurst: 4 });
  const rows = Array.from({ length: 8 }, (_, i) => add(scheduler, `${i}`, { prompt: 5, seed: i }));
  step(scheduler);
  const burst = () => {
    const plan = scheduler.schedule()!;
    scheduler.commit(plan, new Map(plan.decodes.map((sequence) => [sequence, [5]])));
    return plan.burst;
  };
  assert.equal(burst(), 4);
  scheduler.setPace(rows[0], { most: 1, pauseChance: 0 });
  assert.equal(burst(), 4);
  for (const row of rows) scheduler.setPace(row, { most: 1, pauseChance: 0 });
  assert.equal(burst(), 1);
  for (const row of rows) scheduler.setPace(row, { most: Infinity, pauseChance: 0 });
  assert.equal(burst(), 4);
});

Deno.test("the likelier rows pause, the shorter the burst", () => {
  const scheduler = new Scheduler({ ...ROOMY, maxBurst: 4 });
  const row = add(scheduler, "row", { prompt: 5 });
  step(scheduler);
  const bursts = [0.01, 0.1, 0.5].map((pauseChance) => {
    scheduler.setPace(row, { most: Infinity, pauseChance });
    const plan = scheduler.schedule()!;
    scheduler.commit(plan, new Map([[plan.decodes[0], [5]]]));
    return plan.burst;
  });
  assert.deepEqual(bursts, [4, 2, 1]);
});

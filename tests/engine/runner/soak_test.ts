import assert from "node:assert/strict";
import { withRunner } from "./harness.ts";
import { readLoraFixture } from "./lora_fixture.ts";

const BLOCK_BYTES = 2 * 3 * 2 * 16 * 16 * 4;

/** Numbers in [0, 1) that are the same in every run (mulberry32). */
function randoms(seed: number): () => number {
  return () => {
    seed = seed + 0x6d2b79f5 | 0;
    let t = Math.imul(seed ^ seed >>> 15, 1 | seed);
    t = t + Math.imul(t ^ t >>> 7, 61 | t) ^ t;
    return ((t ^ t >>> 14) >>> 0) / 2 ** 32;
  };
}

for (const seed of [1, 2, 3]) {
  Deno.test(`random arrivals, aborts and holds with too little of everything leave every token right (seed ${seed})`, async () => {
    const { base, adapters, rows: all } = await readLoraFixture();
    const rows = all.filter(({ mixture }) => mixture.length <= 3);
    const random = randoms(seed);
    const sizing = {
      maxModelLen: 128,
      maxBatch: 5,
      kvMemoryBytes: 9 * BLOCK_BYTES,
      maxAdapters: 3,
      maxLoraRank: 16,
    };
    const options = { adapters, sizing, prefillTokens: 24, partBytes: 8000 };
    const generations = [...adapters.keys()];
    await withRunner(base, options, async (test) => {
      const sent: { id: string; row: number; maxTokens: number }[] = [];
      for (let turn = 0; turn < 150; turn++) {
        if (random() < 0.5) {
          const row = Math.floor(random() * rows.length);
          const request = { id: `${sent.length}`, row, maxTokens: 1 + Math.floor(random() * 64) };
          const { prompt, mixture } = rows[row];
          sent.push(request);
          test.submit({ ...request, promptTokens: prompt, mixture });
        }
        if (sent.length > 0 && random() < 0.08) {
          test.runner.abort(sent[Math.floor(random() * sent.length)].id);
        }
        if (random() < 0.1) {
          test.runner.unhold(turn - 1 - Math.floor(random() * 20));
          test.runner.hold(turn, generations[Math.floor(random() * generations.length)]);
        }
        const step = test.runner.step();
        if (random() < 0.05) test.runner.abort(`${Math.floor(random() * sent.length)}`);
        await step;
        test.runner.checkIntegrity();
      }
      for (let id = 0; id < 150; id++) test.runner.unhold(id);
      await test.drain();
      for (const { id, row, maxTokens } of sent) {
        const { tokens, finished, error } = test.outcomes.get(id)!;
        assert.equal(error, null);
        if (finished!.reason !== "abort") assert.equal(tokens.length, maxTokens);
        assert.deepEqual(tokens, rows[row].greedy.slice(0, tokens.length), `request ${id}`);
      }
      const { running, waiting, usedBlocks, preemptions } = test.scheduler.stats;
      assert.deepEqual({ running, waiting, usedBlocks }, { running: 0, waiting: 0, usedBlocks: 0 });
      assert.ok(preemptions > 0, "nothing was preempted");
      const { pinned, held, evictions } = test.pool.stats();
      assert.deepEqual({ pinned, held }, { pinned: [], held: [] });
      assert.ok([...test.held.values()].includes(null), "nothing was held");
      assert.ok(evictions > 0, "nothing was evicted");
    });
  });
}

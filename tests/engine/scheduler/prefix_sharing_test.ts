import assert from "node:assert/strict";
import { hashBlock, hashRoot } from "../../../engine/scheduler/prefix_hash.ts";
import { add, runToEnd, schedulerWith, step, tokensOf } from "./harness.ts";

function numCachedOf(
  first: { prompt: number; mixtureKey?: string },
  second: { prompt: number; mixtureKey?: string },
): number {
  const scheduler = schedulerWith();
  runToEnd(scheduler, add(scheduler, "first", { ...first, maxTokens: 1 }));
  const again = add(scheduler, "second", second);
  const [chunk] = step(scheduler).prefills;
  assert.equal(chunk.start, again.numCached);
  assert.equal(chunk.tokens.length, second.prompt - again.numCached);
  return again.numCached;
}

Deno.test("a repeated prompt is reused in full blocks and leaves a token to compute", () => {
  assert.equal(numCachedOf({ prompt: 15 }, { prompt: 15 }), 0);
  assert.equal(numCachedOf({ prompt: 16 }, { prompt: 16 }), 0);
  assert.equal(numCachedOf({ prompt: 17 }, { prompt: 17 }), 16);
  assert.equal(numCachedOf({ prompt: 48 }, { prompt: 48 }), 32);
  assert.equal(numCachedOf({ prompt: 48 }, { prompt: 49 }), 48);
  assert.equal(numCachedOf({ prompt: 33 }, { prompt: 200 }), 32);
  assert.equal(numCachedOf({ prompt: 200 }, { prompt: 33 }), 32);
});

Deno.test("mixtures share nothing", () => {
  const prompt = 64;
  assert.equal(numCachedOf({ prompt, mixtureKey: "a" }, { prompt, mixtureKey: "b" }), 0);
  assert.equal(numCachedOf({ prompt, mixtureKey: "" }, { prompt, mixtureKey: "a" }), 0);
  assert.equal(numCachedOf({ prompt, mixtureKey: "a" }, { prompt, mixtureKey: "a" }), 48);
});

Deno.test("a follow-up turn reuses the answer's blocks too", () => {
  const scheduler = schedulerWith({ maxBurst: 5 });
  const first = add(scheduler, "first", { prompt: 20, maxTokens: 29 });
  runToEnd(scheduler, first);
  const promptTokens = Uint32Array.from([...first.tokens, 1, 2, 3]);
  const second = scheduler.add({ id: "second", promptTokens, maxTokens: 1, mixtureKey: "" });
  step(scheduler);
  assert.deepEqual([first.length, second.numCached], [49, 48]);
});

Deno.test("requests in flight share computed blocks", () => {
  const scheduler = schedulerWith();
  const first = add(scheduler, "first", { prompt: 100 });
  step(scheduler);
  const second = add(scheduler, "second", { prompt: 100 });
  step(scheduler);
  assert.equal(second.numCached, 96);
  assert.deepEqual(second.blockTable.slice(0, 6), first.blockTable.slice(0, 6));
  assert.equal(scheduler.stats.usedBlocks, 8);
});

Deno.test("a chunked prefill takes over what another has computed meanwhile", () => {
  const scheduler = schedulerWith({ prefillTokenBudget: 112 });
  const [first, second] = ["first", "second"].map((id) => add(scheduler, id, { prompt: 100 }));
  step(scheduler); // nothing is known yet: first 100 (last), second 12
  assert.deepEqual([second.numCached, second.numComputed], [0, 12]);
  const [chunk] = step(scheduler).prefills;
  assert.deepEqual([chunk.start, chunk.tokens.length, chunk.last], [96, 4, true]);
  assert.deepEqual(second.blockTable.slice(0, 6), first.blockTable.slice(0, 6));
  assert.equal(scheduler.stats.usedBlocks, 8);
});

Deno.test("a block computed twice is kept once", () => {
  const scheduler = schedulerWith({ prefillTokenBudget: 48 });
  const head = add(scheduler, "head", { prompt: 8, seed: 9 });
  const first = add(scheduler, "first", { prompt: 64 });
  step(scheduler); // head 8, first 40
  const second = add(scheduler, "second", { prompt: 64 });
  step(scheduler); // first 24 (last), second hits 32 and computes 24 of the block after
  assert.deepEqual([second.numCached, second.numComputed], [32, 56]);
  scheduler.finish(head);
  // Blocks 0 to 2 of both are the same now; the fourth must leave a token to compute.
  assert.deepEqual(second.blockTable.slice(0, 3), first.blockTable.slice(0, 3));
  const [chunk] = step(scheduler).prefills;
  assert.deepEqual([chunk.start, chunk.tokens.length, chunk.last], [56, 8, true]);
  assert.deepEqual(second.blockTable[3], first.blockTable[3]);
});

Deno.test("the same prompt twice in one step ends up in the same blocks", () => {
  const scheduler = schedulerWith();
  const [a, b] = ["a", "b"].map((id) => add(scheduler, id, { prompt: 48 }));
  step(scheduler);
  assert.deepEqual(a.blockTable, b.blockTable);
  assert.equal(scheduler.stats.usedBlocks, 3);
});

Deno.test("the least recently used prefix is evicted, its end before its beginning", () => {
  const scheduler = schedulerWith({ numBlocks: 8 });
  for (const seed of [1, 2]) {
    runToEnd(scheduler, add(scheduler, `${seed}`, { prompt: 48, seed, maxTokens: 1 }));
  }
  runToEnd(scheduler, add(scheduler, "again", { prompt: 48, seed: 1, maxTokens: 1 }));
  assert.equal(scheduler.stats.cachedBlocks, 6);
  // Two blank blocks and the last of prompt 2's.
  runToEnd(scheduler, add(scheduler, "other", { prompt: 48, seed: 3, maxTokens: 1 }));
  const numCached = [2, 1].map((seed) => {
    const probe = add(scheduler, `probe ${seed}`, { prompt: 49, seed, maxTokens: 1 });
    runToEnd(scheduler, probe);
    return probe.numCached;
  });
  // The first probe needed two blocks and took prompt 1's last ones.
  assert.deepEqual(numCached, [32, 16]);
});

Deno.test("without the prefix cache nothing is kept", () => {
  const scheduler = schedulerWith({ prefixCache: false });
  runToEnd(scheduler, add(scheduler, "first", { prompt: 64 }));
  const second = add(scheduler, "second", { prompt: 64 });
  step(scheduler);
  assert.deepEqual([second.numCached, scheduler.stats.cachedBlocks], [0, 0]);
});

Deno.test("block hashes differ by every token, by order, by parent and by mixture", () => {
  const hashes = new Set<bigint>();
  let made = 0;
  const note = (hash: bigint) => {
    assert.ok(hash >= 0n && hash < 1n << 64n);
    hashes.add(hash);
    made++;
  };
  for (const mixture of ["", "a", "b", "ab", "ba", "a:0.5", "a:0.50"]) {
    const root = hashRoot(mixture);
    note(root);
    for (let seed = 0; seed < 2000; seed++) note(hashBlock(root, tokensOf(16, seed)));
    for (let i = 0; i < 16; i++) {
      for (const token of [1, 2, 2 ** 31, 2 ** 32 - 1]) {
        const tokens = new Uint32Array(16);
        tokens[i] = token;
        note(hashBlock(root, tokens));
      }
    }
    note(hashBlock(hashBlock(root, tokensOf(16)), tokensOf(16)));
  }
  assert.equal(hashes.size, made);
});

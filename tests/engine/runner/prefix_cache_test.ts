import assert from "node:assert/strict";
import type { Mixture } from "../../../engine/core/generation.ts";
import { type TestRunner, withRunner } from "./harness.ts";
import { readLoraFixture } from "./lora_fixture.ts";

const PROMPT = Uint32Array.from({ length: 50 }, (_, i) => 3 + (i * 37) % 250);

/** Runs the prompt alone and returns what it drew and how much of it was cached. */
async function ask(test: TestRunner, id: string, mixture: Mixture) {
  test.submit({ id, promptTokens: PROMPT, mixture, maxTokens: 12 });
  await test.drain();
  const { events, tokens } = test.outcomes.get(id)!;
  const [started] = events;
  assert.ok(started.kind === "started");
  return { tokens, cachedTokens: started.cachedTokens };
}

Deno.test("a prompt shares its blocks with equal mixtures only, in either order", async () => {
  const { base, adapters, rows } = await readLoraFixture();
  const one = rows[5].mixture;
  const two = rows[1].mixture;
  const mixtures: Record<string, Mixture> = {
    base: [],
    one,
    "one, weaker": one.map((entry) => ({ ...entry, weight: 0.5 })),
    two,
    "two, swapped weights": two.map((entry, i) => ({ ...entry, weight: two[1 - i].weight })),
  };
  const fresh = new Map<string, number[]>();
  await withRunner(base, { adapters, prefixCache: false }, async (test) => {
    for (const [name, mixture] of Object.entries(mixtures)) {
      fresh.set(name, (await ask(test, name, mixture)).tokens);
    }
  });
  assert.equal(new Set([...fresh.values()].map(String)).size, fresh.size, "mixtures do not differ");

  for (const order of [Object.keys(mixtures), Object.keys(mixtures).toReversed()]) {
    await withRunner(base, { adapters }, async (test) => {
      for (const name of order) {
        const { tokens, cachedTokens } = await ask(test, name, mixtures[name]);
        assert.equal(cachedTokens, 0, `${name} found another mixture's blocks`);
        assert.deepEqual(tokens, fresh.get(name), name);
      }
      for (const name of order) {
        const { tokens, cachedTokens } = await ask(test, `${name} again`, mixtures[name]);
        assert.equal(cachedTokens, 48, name);
        assert.deepEqual(tokens, fresh.get(name), `${name} from the cache`);
      }
    });
  }
});

Deno.test("a second turn takes the first's prompt and answer from the cache and draws the same tokens", async () => {
  const { base, rows } = await readLoraFixture();
  const { prompt, greedy } = rows[4];
  const turns = Uint32Array.from([...prompt, ...greedy.slice(0, 40), 7, 8, 9]);
  const tokens: number[][] = [];
  for (const prefixCache of [true, false]) {
    await withRunner(base, { prefixCache }, async (test) => {
      test.submit({ id: "first", promptTokens: prompt, maxTokens: 40 });
      await test.drain();
      test.submit({ id: "second", promptTokens: turns, maxTokens: 40 });
      await test.drain();
      const { events, tokens: drawn } = test.outcomes.get("second")!;
      const cachedTokens = prefixCache ? 64 : 0;
      assert.deepEqual(events[0], { kind: "started", cachedTokens });
      tokens.push(drawn);
    });
  }
  assert.deepEqual(tokens[0], tokens[1]);
});

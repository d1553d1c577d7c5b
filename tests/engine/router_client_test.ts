import assert from "node:assert/strict";
import { type GenerateRequest, GREEDY, type TokenEvent } from "../../engine/core/generation.ts";
import { DEFAULT_ROUTING } from "../../engine/core/routing.ts";
import { startEngine } from "../../engine/mod.ts";
import { readLoraFixture } from "./runner/lora_fixture.ts";
import { randomRouter, VOCABULARY } from "./runner/routing/routed_runner.ts";

const PROMPT = Uint32Array.of(5, 9, 130);

function routed(id: string): GenerateRequest {
  return {
    id,
    promptTokens: PROMPT,
    maxTokens: 40,
    mixture: [],
    routing: { options: DEFAULT_ROUTING, text: PROMPT },
    sampling: GREEDY,
    stopTokens: [],
    pauseTokens: [],
  };
}

async function collect(events: AsyncIterable<TokenEvent>): Promise<TokenEvent[]> {
  const all: TokenEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

Deno.test("the router lives in the engine's worker: opened, asked, chosen by, swapped and closed", async () => {
  const { base, adapters } = await readLoraFixture();
  const generations = [...adapters.keys()];
  const labels = generations.map((_, i) => `task-${i}`);
  const leased = new Map<string, number>();
  let releases = 0;
  const engine = await startEngine({
    modelDirectory: base,
    dtype: "f32",
    maxBatch: 8,
    maxModelLen: 256,
    loadAdapter: (generation) => {
      assert.ok((leased.get(generation) ?? 0) > 0, "weights are at hand while they are leased");
      return Promise.resolve(adapters.get(generation)!);
    },
    acquireClass: (label) => {
      const generation = generations[labels.indexOf(label)];
      leased.set(generation, (leased.get(generation) ?? 0) + 1);
      const release = () => {
        releases++;
        leased.set(generation, leased.get(generation)! - 1);
      };
      return Promise.resolve({ generation, release });
    },
  });
  try {
    const { router } = engine;
    const never = new AbortController().signal;
    assert.deepEqual(router.info, null);
    await assert.rejects(collect(engine.generate(routed("early"), never)), { reason: "no_router" });
    await assert.rejects(router.route([PROMPT], DEFAULT_ROUTING), { reason: "no_router" });

    const file = randomRouter(labels);
    const info = await router.open({ file, generation: "f".repeat(64) }, VOCABULARY);
    assert.deepEqual(router.info, info);
    assert.deepEqual(info.labels, labels);
    router.setClasses(labels.map((label) => ({ label, generation: null })));

    const { routes: [route] } = await router.route([PROMPT], DEFAULT_ROUTING);
    const events = await collect(engine.generate(routed("a"), never));
    const [first] = events;
    assert.equal(first.kind, "routed");
    assert.deepEqual(
      first.kind === "routed" &&
        first.sentence.adapters.map(({ label, weight }) => [label, weight]),
      route.choices.map(({ classIndex, weight }) => [labels[classIndex], weight]),
    );
    assert.ok(events.filter(({ kind }) => kind === "routed").length > 1);
    assert.ok(engine.stats().routes > 1);
    assert.ok(engine.stats().routeMisses > 0);
    await engine.checkIntegrity();
    assert.ok(releases > 0);
    assert.deepEqual([...leased.values()].filter((count) => count !== 0), []);

    const running = collect(engine.generate(routed("b"), never));
    const other = { file: randomRouter(labels, { seed: 3 }), generation: "e".repeat(64) };
    const swapped = await router.open(other, VOCABULARY);
    assert.equal((await running).at(-1)!.kind, "finished");
    assert.equal(swapped.generation, "e".repeat(64));
    assert.deepEqual(engine.router.info, swapped);

    await assert.rejects(router.setPrototype("new", [PROMPT]), { code: "unsupported" });
    await router.close();
    assert.deepEqual(router.info, null);
  } finally {
    await engine.close();
  }
  await assert.rejects(engine.router.close(), /closed/);
});

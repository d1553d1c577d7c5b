import assert from "node:assert/strict";
import type { Engine } from "../../engine/core/engine.ts";
import { WeftError } from "../../engine/core/errors.ts";
import type { GenerateRequest, TokenEvent } from "../../engine/core/generation.ts";
import { startEngine, type StartOptions } from "../../engine/mod.ts";
import { GREEDY } from "../../engine/core/generation.ts";
import { type LoraFixture, readLoraFixture } from "./runner/lora_fixture.ts";

/** Runs `body` with a started engine in its real worker. */
async function withEngine(
  body: (engine: Engine, fixture: LoraFixture) => Promise<void>,
  options: Partial<StartOptions> = {},
): Promise<void> {
  const fixture = await readLoraFixture();
  const engine = await startEngine({
    modelDirectory: fixture.base,
    dtype: "f32",
    maxBatch: 8,
    maxModelLen: 256,
    loadAdapter: (generation) => {
      const weights = fixture.adapters.get(generation);
      return weights ? Promise.resolve(weights) : Promise.reject(
        new WeftError("bad_adapter", `Cannot load adapter ${generation}: it is not here`),
      );
    },
    ...options,
  });
  try {
    await body(engine, fixture);
  } finally {
    await engine.close();
  }
}

let requests = 0;
function request(of: Partial<GenerateRequest> = {}): GenerateRequest {
  return {
    id: `request ${requests++}`,
    promptTokens: Uint32Array.of(1, 2, 3),
    maxTokens: 16,
    mixture: [],
    sampling: GREEDY,
    stopTokens: [],
    pauseTokens: [],
    ...of,
  };
}

const NEVER = new AbortController().signal;

async function collect(events: AsyncIterable<TokenEvent>): Promise<TokenEvent[]> {
  const all: TokenEvent[] = [];
  for await (const event of events) all.push(event);
  return all;
}

function tokensOf(events: readonly TokenEvent[]): number[] {
  return events.flatMap((event) =>
    event.kind === "tokens" ? event.tokens.map(({ token }) => token) : []
  );
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = performance.now() + 5000;
  while (!holds()) {
    assert.ok(performance.now() < deadline, `it did not happen in time: ${holds}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

/** Waits until the engine says that nothing runs or waits, and its books balance. */
async function assertRests(engine: Engine): Promise<void> {
  await engine.checkIntegrity();
  await until(() => engine.stats().running + engine.stats().waiting === 0);
  const { kvUsage, waitingTokens, pinnedAdapters } = engine.stats();
  assert.deepEqual({ kvUsage, waitingTokens, pinnedAdapters }, {
    kvUsage: 0,
    waitingTokens: 0,
    pinnedAdapters: [],
  });
  await engine.checkIntegrity();
}

Deno.test("a generation yields its start, its tokens and its end, in this order", async () => {
  await withEngine(async (engine, { rows }) => {
    for (const { prompt, mixture, greedy } of rows.slice(0, 4)) {
      const events = await collect(
        engine.generate(request({ promptTokens: prompt, mixture, maxTokens: 30 }), NEVER),
      );
      assert.equal(events[0].kind, "started");
      assert.ok(events.slice(1, -1).every(({ kind }) => kind === "tokens"));
      const last = events.at(-1)!;
      assert.ok(last.kind === "finished" && last.reason === "length");
      assert.ok(Object.values(last.timings).every((ms) => ms >= 0));
      assert.deepEqual(tokensOf(events), greedy.slice(0, 30));
    }
    await assertRests(engine);
    assert.ok(engine.info.kvBytes > 0 && engine.info.numBlocks > 0);
  });
});

Deno.test("a consumer that stops listening ends its request", async () => {
  await withEngine(async (engine) => {
    for await (const { kind } of engine.generate(request({ maxTokens: 250 }), NEVER)) {
      if (kind === "tokens") break;
    }
    await assertRests(engine);
    assert.ok(engine.stats().generatedTokens < 200, "it ran to its end");
  });
});

Deno.test("an abort ends the iteration with what was drawn so far and reason abort", async () => {
  await withEngine(async (engine) => {
    const controller = new AbortController();
    const events: TokenEvent[] = [];
    for await (
      const event of engine.generate(request({ maxTokens: 250 }), controller.signal)
    ) {
      events.push(event);
      if (event.kind === "tokens") controller.abort();
    }
    const last = events.at(-1)!;
    assert.ok(last.kind === "finished" && last.reason === "abort");
    assert.ok(tokensOf(events).length < 200);
    await assertRests(engine);
  });
});

Deno.test("a request whose signal is aborted already ends as aborted without a token", async () => {
  await withEngine(async (engine) => {
    const events = await collect(engine.generate(request(), AbortSignal.abort()));
    const last = events.at(-1)!;
    assert.ok(last.kind === "finished" && last.reason === "abort");
    assert.deepEqual(tokensOf(events), []);
    await assertRests(engine);
  });
});

Deno.test("refusals and adapters that fail to load throw where the request is iterated", async () => {
  await withEngine(async (engine, { rows }) => {
    const bad: [Partial<GenerateRequest>, string][] = [
      [{ promptTokens: new Uint32Array(0) }, "invalid_request"],
      [{ promptTokens: Uint32Array.of(256) }, "invalid_request"],
      [{ mixture: [{ generation: "missing", weight: 1 }] }, "bad_adapter"],
    ];
    for (const [of, code] of bad) {
      await assert.rejects(collect(engine.generate(request(of), NEVER)), { code });
    }
    const { prompt, greedy } = rows[0];
    const events = await collect(engine.generate(request({ promptTokens: prompt }), NEVER));
    assert.deepEqual(tokensOf(events), greedy.slice(0, 16));
    await assertRests(engine);
  });
});

Deno.test("a loader that brings another adapter than asked for fails the request, not the engine", async () => {
  const { adapters, rows } = await readLoraFixture();
  const [other] = adapters.values();
  const generation = [...adapters.keys()].find((key) => key !== other.generation)!;
  await withEngine(async (engine) => {
    await assert.rejects(
      collect(engine.generate(request({ mixture: [{ generation, weight: 1 }] }), NEVER)),
      { code: "internal", message: /Asked for adapter/ },
    );
    const { prompt, greedy } = rows[0];
    const events = await collect(engine.generate(request({ promptTokens: prompt }), NEVER));
    assert.deepEqual(tokensOf(events), greedy.slice(0, 16));
  }, { loadAdapter: () => Promise.resolve(other) });
});

Deno.test("an id in use is refused, and the request that has it goes on", async () => {
  await withEngine(async (engine) => {
    const twice = request({ maxTokens: 20 });
    const first = collect(engine.generate(twice, NEVER));
    await assert.rejects(collect(engine.generate(twice, NEVER)), { code: "invalid_request" });
    assert.equal(tokensOf(await first).length, 20);
  });
});

Deno.test("32 generations at once with mixtures, aborts and bad requests among them disturb nobody", async () => {
  await withEngine(async (engine, { rows }) => {
    const runs = Array.from({ length: 32 }, async (_, i) => {
      const { prompt, mixture, greedy } = rows[i % rows.length];
      if (i % 8 === 7) {
        await assert.rejects(
          collect(engine.generate(request({ promptTokens: new Uint32Array(300) }), NEVER)),
          { code: "invalid_request" },
        );
        return;
      }
      const controller = new AbortController();
      const events: TokenEvent[] = [];
      const asked = request({ promptTokens: prompt, mixture, maxTokens: 40 });
      for await (const event of engine.generate(asked, controller.signal)) {
        events.push(event);
        if (i % 5 === 3 && tokensOf(events).length > i) controller.abort();
        if (i % 7 === 4 && tokensOf(events).length > i) break;
      }
      const tokens = tokensOf(events);
      assert.deepEqual(tokens, greedy.slice(0, tokens.length), `request ${i}`);
      if (i % 5 !== 3 && i % 7 !== 4) assert.equal(tokens.length, 40);
    });
    await Promise.all(runs);
    await assertRests(engine);
  });
});

Deno.test("a full queue throws overloaded", async () => {
  await withEngine(async (engine) => {
    const results = await Promise.allSettled(
      Array.from({ length: 12 }, () => collect(engine.generate(request(), NEVER))),
    );
    const refused = results.filter((result) => result.status === "rejected");
    assert.ok(refused.length > 0);
    for (const { reason } of refused) {
      assert.equal(reason.code, "overloaded");
      assert.ok(reason.retryAfterSeconds > 0);
    }
    await assertRests(engine);
  }, { maxBatch: 1, maxQueuedRequests: 4 });
});

Deno.test("closing ends what still runs with an error, and refuses what comes later", async () => {
  const { base } = await readLoraFixture();
  const engine = await startEngine({
    modelDirectory: base,
    dtype: "f32",
    maxBatch: 2,
    maxModelLen: 256,
    loadAdapter: () => new Promise(() => {}),
  });
  const started = Promise.withResolvers<void>();
  const running = Array.from({ length: 3 }, async () => {
    for await (const _ of engine.generate(request({ maxTokens: 250 }), NEVER)) started.resolve();
  });
  const mixture = [{ generation: "never comes", weight: 1 }];
  running.push(collect(engine.generate(request({ mixture }), NEVER)).then(() => {}));
  const ended = Promise.allSettled(running);
  await started.promise;
  await engine.close();
  for (const result of await ended) {
    assert.ok(result.status === "rejected");
    assert.equal(result.reason.code, "unavailable");
  }
  await assert.rejects(collect(engine.generate(request(), NEVER)), { code: "unavailable" });
  await assert.rejects(engine.checkIntegrity(), { code: "unavailable" });
  await engine.close();
});

Deno.test("a held adapter is on the GPU once the hold resolves, and goes with the others after it", async () => {
  await withEngine(async (engine, { adapters, rows }) => {
    const [first, second] = adapters.keys();
    const hold = await engine.holdAdapter(first);
    await until(() => engine.stats().heldAdapters.includes(first));
    const { residentAdapters, adapterBytes, adapterLoads } = engine.stats();
    assert.deepEqual({ residentAdapters, adapterLoads }, {
      residentAdapters: [first],
      adapterLoads: 1,
    });
    assert.ok(adapterBytes > 0);
    await assert.rejects(engine.holdAdapter("missing"), { code: "bad_adapter" });
    await assert.rejects(engine.holdAdapter(second), { reason: "gpu_full" });
    for (const { prompt, mixture, greedy } of rows.filter(({ mixture }) => mixture.length < 2)) {
      const asked = request({ promptTokens: prompt, mixture, maxTokens: 8 });
      const events = await collect(engine.generate(asked, NEVER));
      assert.deepEqual(tokensOf(events), greedy.slice(0, 8));
    }
    const { adapterMisses, adapterHits } = engine.stats();
    assert.ok(adapterMisses > 0);
    const mixture = [{ generation: first, weight: 1 }];
    await collect(engine.generate(request({ mixture }), NEVER));
    assert.equal(engine.stats().adapterHits, adapterHits + 1);
    assert.equal(engine.stats().adapterMisses, adapterMisses);
    hold.release();
    hold.release();
    await until(() => engine.stats().heldAdapters.length === 0);
    await assertRests(engine);
  }, { maxAdapters: 2 });
});

Deno.test("closing rejects a hold that waits for its adapter", async () => {
  const { base } = await readLoraFixture();
  const loadAdapter = () => new Promise<never>(() => {});
  const engine = await startEngine({
    modelDirectory: base,
    dtype: "f32",
    maxBatch: 2,
    loadAdapter,
  });
  const controller = new AbortController();
  const aborted = assert.rejects(engine.holdAdapter("a", controller.signal), {
    name: "AbortError",
  });
  controller.abort();
  await aborted;
  const hold = assert.rejects(engine.holdAdapter("a"), { code: "unavailable" });
  await engine.close();
  await hold;
});

Deno.test("a model that is not there fails the start with its path", async () => {
  await assert.rejects(
    startEngine({
      modelDirectory: "/nowhere/model",
      loadAdapter: () => Promise.reject(new Error("unused")),
    }),
    (error) => {
      assert.ok(error instanceof WeftError);
      assert.equal(error.code, "bad_model");
      assert.match(error.message, /\/nowhere\/model/);
      return true;
    },
  );
});

Deno.test("a context beyond the model's fails the start as unsupported", async () => {
  const { base } = await readLoraFixture();
  await assert.rejects(
    startEngine({
      modelDirectory: base,
      maxModelLen: 513,
      loadAdapter: () => Promise.reject(new Error("unused")),
    }),
    { code: "unsupported", message: /513 tokens: the model has 512 positions/ },
  );
});

Deno.test("a hold that resolved shows in the statistics, whatever runs; what can't come rejects", async () => {
  await withEngine(async (engine, { adapters }) => {
    const [generation] = adapters.keys();
    const ended = new AbortController();
    const running = collect(engine.generate(request({ maxTokens: 200 }), ended.signal));
    const hold = await engine.holdAdapter(generation);
    assert.deepEqual(engine.stats().residentAdapters, [generation]);
    assert.deepEqual(engine.stats().heldAdapters, [generation]);
    // Once more, now that it is there.
    (await engine.holdAdapter(generation)).release();
    assert.deepEqual(engine.stats().heldAdapters, [generation]);
    await assert.rejects(engine.holdAdapter("missing"), { code: "bad_adapter" });
    await assert.rejects(engine.holdAdapter(generation, AbortSignal.abort()), DOMException);
    ended.abort();
    await running;
    hold.release();
    await engine.checkIntegrity();
    await collect(engine.generate(request({ maxTokens: 1 }), NEVER));
    assert.deepEqual(engine.stats().heldAdapters, []);
  });
});

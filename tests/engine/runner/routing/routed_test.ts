import assert from "node:assert/strict";
import { type GenerateRequest, GREEDY } from "../../../../engine/core/generation.ts";
import { DEFAULT_ROUTING, type RoutingOptions } from "../../../../engine/core/routing.ts";
import { openOnce } from "../../router/tiny_router.ts";
import { mixtureOf, randomRouter, type RoutedRunner, withRoutedRunner } from "./routed_runner.ts";

await openOnce();

const PROMPTS = [[5, 9, 130], [17, 33, 64, 2, 81], [200, 14, 90, 8]].map((ids) =>
  Uint32Array.from(ids)
);
const LENGTH = 48;
/** Two KV blocks of 16 tokens more than one sequence of 128 tokens needs. */
const TINY = { maxModelLen: 128, kvMemoryBytes: 10 * 2 * 3 * 2 * 16 * 16 * 4 };

async function alone(
  test: RoutedRunner,
  id: string,
  options: Partial<RoutingOptions> = {},
  promptTokens = PROMPTS[0],
) {
  test.route({ id, promptTokens, maxTokens: LENGTH }, options);
  await test.drain();
  return { tokens: test.tokens(id), sentences: test.sentences(id) };
}

Deno.test("an answer's sentences get mixtures of their own, each told before its tokens", async () => {
  await withRoutedRunner({}, async (test) => {
    PROMPTS.forEach((promptTokens, i) =>
      test.route({ id: `${i}`, promptTokens, maxTokens: LENGTH })
    );
    await test.drain();
    for (const i of PROMPTS.keys()) {
      const { events, tokens, finished } = test.outcomes.get(`${i}`)!;
      assert.equal(events[0].kind, "routed");
      assert.equal(events[1].kind, "started");
      assert.ok(finished!.timings.route_ms! >= 0);
      let count = 0;
      const begun: number[] = [0];
      for (const event of events) {
        if (event.kind === "tokens") count += event.tokens.length;
        if (event.kind === "routed" && event.sentence.index > 0) {
          assert.equal(event.sentence.start, count - 1, "routed once its first token exists");
          begun.push(event.sentence.start);
        }
      }
      const ends = tokens.flatMap((token, at) => token % 4 === 3 ? [at + 1] : []);
      // "One." "." is one end; the last may have nothing behind it.
      const starts = ends.filter((at) => at < tokens.length && tokens[at] % 4 !== 3);
      assert.deepEqual(begun, [0, ...starts]);
    }
    assert.deepEqual(test.pool.stats().pinned, []);
    assert.equal(test.released.size, test.classes.length);
  });
});

Deno.test("under recompute a sentence is what its mixture makes of all the text before it", async () => {
  await withRoutedRunner({}, async (test) => {
    const { tokens, sentences } = await alone(test, "a", { kvPolicy: "recompute" });
    assert.ok(sentences.length > 3);
    for (const [i, sentence] of sentences.entries()) {
      // Its first token is still of the sentence before.
      const from = i === 0 ? 0 : sentence.start + 1;
      const to = i + 1 < sentences.length ? sentences[i + 1].start + 1 : tokens.length;
      if (from === to) continue;
      const id = `sentence ${i}`;
      test.submit({
        id,
        promptTokens: Uint32Array.from([...PROMPTS[0], ...tokens.slice(0, from)]),
        mixture: mixtureOf(sentence),
        maxTokens: to - from,
      });
      await test.drain();
      assert.deepEqual(test.tokens(id), tokens.slice(from, to), id);
    }
  });
});

Deno.test("a mixed batch of routed, explicit and base rows draws what each draws alone", async () => {
  await withRoutedRunner({}, async (test) => {
    const { fixture } = test;
    type Row = { routed: Partial<RoutingOptions> } | { plain: Partial<GenerateRequest> };
    const rows: Row[] = [
      { routed: {} },
      { plain: { mixture: fixture.rows[1].mixture } },
      { routed: { kvPolicy: "recompute", mode: "uniform" } },
      { plain: {} },
      { routed: { mode: "top-1" } },
      { routed: { mode: "threshold", p: 0.1, maxAdapters: 3 } },
      { routed: { scope: "prompt", onMiss: "renormalise" } },
      { routed: { firstToken: "redraw" } },
    ];
    const submit = (row: Row, i: number, id: string) => {
      const request = { id, promptTokens: PROMPTS[i % PROMPTS.length], maxTokens: LENGTH - 3 * i };
      if ("routed" in row) test.route(request, row.routed);
      else test.submit({ ...request, ...row.plain });
    };
    // Warm, so that nothing is missed: what is on the GPU may differ between the two runs.
    for (const generation of test.generations) {
      const mixture = [{ generation, weight: 1 }];
      test.submit({ id: generation, promptTokens: PROMPTS[0], mixture, maxTokens: 1 });
    }
    await test.drain();
    for (const [i, row] of rows.entries()) {
      submit(row, i, `${i} alone`);
      await test.drain();
    }
    rows.forEach((row, i) => submit(row, i, `${i}`));
    await test.drain();
    for (const i of rows.keys()) {
      assert.deepEqual(test.tokens(`${i}`), test.tokens(`${i} alone`), `row ${i}`);
      const told = (id: string) =>
        test.sentences(id).map(({ index, start, adapters }) => ({ index, start, adapters }));
      assert.deepEqual(told(`${i}`), told(`${i} alone`), `row ${i}`);
    }
  });
});

Deno.test("redrawn under recompute, a sentence is its mixture's from its first token on", async () => {
  await withRoutedRunner({}, async (test) => {
    const options = { kvPolicy: "recompute", firstToken: "redraw" } as const;
    const { tokens, sentences } = await alone(test, "a", options);
    assert.ok(sentences.length > 3);
    for (const [i, sentence] of sentences.entries()) {
      const end = sentences[i + 1]?.start ?? tokens.length;
      const id = `sentence ${i}`;
      test.submit({
        id,
        promptTokens: Uint32Array.from([...PROMPTS[0], ...tokens.slice(0, sentence.start)]),
        mixture: mixtureOf(sentence),
        maxTokens: end - sentence.start,
      });
      await test.drain();
      assert.deepEqual(test.tokens(id), tokens.slice(sentence.start, end), id);
    }
  });
});

Deno.test("a redrawn token is not told, counted against the length, or held against its successor", async () => {
  await withRoutedRunner({}, async (test) => {
    const sampling = {
      ...GREEDY,
      temperature: 1,
      frequencyPenalty: 2,
      presencePenalty: 2,
      seed: 7,
      logprobs: 2,
    };
    for (const hysteresis of [0, 1]) {
      const id = `redraw ${hysteresis}`;
      test.route({ id, promptTokens: PROMPTS[1], maxTokens: LENGTH, sampling }, {
        firstToken: "redraw",
        hysteresis,
      });
      await test.drain();
      const { generated, finished } = test.outcomes.get(id)!;
      assert.equal(generated.length, LENGTH);
      assert.equal(finished!.reason, "length");
      assert.ok(generated.every(({ topLogprobs }) => topLogprobs!.length === 2));
    }
    // Where the mixture stays, what is drawn again is the same.
    test.route({ id: "kept", promptTokens: PROMPTS[1], maxTokens: LENGTH, sampling }, {
      hysteresis: 1,
    });
    await test.drain();
    assert.deepEqual(test.tokens("redraw 1"), test.tokens("kept"));
  });
});

Deno.test("a prompt's mixture alone is the explicit mixture, and sending a route back replays it", async () => {
  await withRoutedRunner({}, async (test) => {
    const { tokens, sentences } = await alone(test, "a", { scope: "prompt" });
    assert.equal(sentences.length, 1);
    const mixture = mixtureOf(sentences[0]);
    test.submit({ id: "b", promptTokens: PROMPTS[0], mixture, maxTokens: LENGTH });
    await test.drain();
    assert.deepEqual(test.tokens("b"), tokens);
  });
});

for (
  const [kvPolicy, firstToken] of [
    ["carry", "keep"],
    ["recompute", "keep"],
    ["carry", "redraw"],
    ["recompute", "redraw"],
  ] as const
) {
  Deno.test(`routed rows that are preempted for want of blocks draw the same: ${kvPolicy}, ${firstToken}`, async () => {
    const run = async (sizing: { maxModelLen: number; kvMemoryBytes?: number }) => {
      let drawn: number[][] = [];
      let preemptions = 0;
      await withRoutedRunner({ sizing, prefillTokens: 7 }, async (test) => {
        const ids = Array.from({ length: 6 }, (_, i) => `${i}`);
        ids.forEach((id, i) =>
          test.route({ id, promptTokens: PROMPTS[i % 3], maxTokens: LENGTH }, {
            kvPolicy,
            firstToken,
          })
        );
        await test.drain();
        drawn = ids.map((id) => test.tokens(id));
        preemptions = test.scheduler.stats.preemptions;
        assert.deepEqual(test.pool.stats().pinned, []);
      });
      return { drawn, preemptions };
    };
    const roomy = await run({ maxModelLen: 128 });
    const tiny = await run(TINY);
    assert.ok(tiny.preemptions > roomy.preemptions);
    assert.deepEqual(tiny.drawn, roomy.drawn);
  });
}

Deno.test("hysteresis of 1 keeps the prompt's mixture for the whole answer", async () => {
  await withRoutedRunner({}, async (test) => {
    const kept = await alone(test, "kept", { hysteresis: 1 });
    const prompt = await alone(test, "prompt", { scope: "prompt" });
    assert.deepEqual(kept.tokens, prompt.tokens);
    assert.ok(kept.sentences.length > 1);
    for (const sentence of kept.sentences.slice(1)) {
      assert.equal(sentence.kept, true);
      assert.deepEqual(sentence.adapters, kept.sentences[0].adapters);
    }
  });
});

Deno.test("too low a confidence leaves the base alone", async () => {
  await withRoutedRunner({}, async (test) => {
    const { tokens, sentences } = await alone(test, "a", { minConfidence: 1 });
    test.submit({ id: "base", promptTokens: PROMPTS[0], maxTokens: LENGTH });
    await test.drain();
    assert.deepEqual(test.tokens("base"), tokens);
    assert.ok(
      sentences.every(({ abstained, adapters }) => abstained && adapters.length === 0),
    );
    assert.equal(test.runner.routeCounts.abstentions, sentences.length);
  });
});

Deno.test("a router whose logits are no numbers fails routed requests and no others", async () => {
  const bad = PROMPTS[0][1];
  const router = (labels: readonly string[]) => randomRouter(labels, { bad });
  await withRoutedRunner({ router }, async (test) => {
    test.submit({ id: "base", promptTokens: PROMPTS[0], maxTokens: 8 });
    test.route({ id: "bad", promptTokens: PROMPTS[0] });
    test.route({ id: "good", promptTokens: PROMPTS[1], maxTokens: 8 });
    await test.drain();
    assert.match(test.outcomes.get("bad")!.error!.message, /logits are not numbers/);
    assert.equal(test.tokens("base").length, 8);
    assert.equal(test.tokens("good").length, 8);
  });
});

Deno.test("a text without tokens is the base's; of others all probabilities are told", async () => {
  await withRoutedRunner({}, async (test) => {
    const texts = [new Uint32Array(0), PROMPTS[0]];
    const { routes } = await test.during(test.runner.desk.routeTexts(texts, DEFAULT_ROUTING));
    assert.equal(routes[0].abstained, true);
    assert.deepEqual(routes[0].choices, []);
    assert.ok(routes[1].choices.length > 0);
    const sum = routes[1].probabilities.reduce((total, p) => total + p, 0);
    assert.ok(Math.abs(sum - 1) < 1e-5);
  });
});

import assert from "node:assert/strict";
import type { SamplingParams } from "../../../engine/core/generation.ts";
import { GREEDY } from "../../../engine/core/generation.ts";
import { type TestRunner, withRunner } from "./harness.ts";
import { MODELS } from "./lora_fixture.ts";

const MODEL = `${MODELS}llama`;
const PROMPT = Uint32Array.of(1, 40, 41, 42);

async function draw(
  test: TestRunner,
  id: string,
  sampling: Partial<SamplingParams>,
  more: { maxTokens?: number; stopTokens?: number[]; pauseTokens?: number[] } = {},
) {
  test.submit({ id, promptTokens: PROMPT, sampling: { ...GREEDY, ...sampling }, ...more });
  await test.drain();
  const outcome = test.outcomes.get(id)!;
  assert.equal(outcome.error, null);
  return outcome;
}

function logSoftmax(logits: Float32Array): number[] {
  const highest = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((a, b) => a + Math.exp(b - highest), 0);
  return Array.from(logits, (logit) => logit - highest - Math.log(sum));
}

Deno.test("log-probabilities are the log-softmax of the raw logits, best first, whatever the sampling", async () => {
  await withRunner(MODEL, {}, async (test) => {
    const ways: Partial<SamplingParams>[] = [
      {},
      { temperature: 1.5, seed: 3 },
      { temperature: 1, topK: 3, logitBias: new Map([[9, 100]]) },
      { repetitionPenalty: 1.7, presencePenalty: 1 },
    ];
    for (const [i, way] of ways.entries()) {
      const { generated } = await draw(test, `${i}`, { ...way, logprobs: 20 }, { maxTokens: 1 });
      const [{ token, logprob, topLogprobs }] = generated;
      const expected = logSoftmax(await test.decoder.readLogits(1));
      assert.ok(Math.abs(logprob! - expected[token]) < 1e-5, `${logprob}, not ${expected[token]}`);
      const order = [...expected.keys()].sort((a, b) => expected[b] - expected[a] || a - b);
      assert.deepEqual(topLogprobs!.map((top) => top.token), order.slice(0, 20));
      for (const top of topLogprobs!) {
        assert.ok(Math.abs(top.logprob - expected[top.token]) < 1e-5);
      }
    }
  });
});

Deno.test("each row of a burst gets the number of alternatives it asked for", async () => {
  await withRunner(MODEL, {}, async (test) => {
    for (const logprobs of [null, 0, 1, 5, 20]) {
      const sampling = { ...GREEDY, logprobs };
      test.submit({ id: `${logprobs}`, promptTokens: PROMPT, sampling, maxTokens: 9 });
    }
    await test.drain();
    const plain = test.outcomes.get("null")!;
    assert.ok(plain.generated.every((drawn) => drawn.logprob === undefined));
    for (const count of [0, 1, 5, 20]) {
      const { tokens, generated } = test.outcomes.get(`${count}`)!;
      assert.deepEqual(tokens, plain.tokens);
      for (const { token, logprob, topLogprobs } of generated) {
        assert.equal(topLogprobs!.length, count);
        const values = topLogprobs!.map((top) => top.logprob);
        assert.deepEqual(values, values.toSorted((a, b) => b - a));
        assert.ok(values.reduce((sum, value) => sum + Math.exp(value), 0) <= 1 + 1e-5);
        if (count > 0) assert.deepEqual(topLogprobs![0], { token, logprob });
      }
    }
  });
});

Deno.test("a bias of +100 always wins and one of -100 never does", async () => {
  await withRunner(MODEL, {}, async (test) => {
    const plain = (await draw(test, "plain", {}, { maxTokens: 12 })).tokens;
    const forced = await draw(test, "forced", { logitBias: new Map([[77, 100]]) });
    assert.ok(forced.tokens.every((token) => token === 77));
    const banned = new Map([...new Set(plain)].map((token) => [token, -100]));
    const without = await draw(test, "banned", { logitBias: banned, temperature: 1, seed: 1 });
    assert.ok(without.tokens.every((token) => !banned.has(token)));
  });
});

Deno.test("penalties keep a row from repeating itself; a boost for the answer's tokens makes it repeat", async () => {
  await withRunner(MODEL, {}, async (test) => {
    const distinct = async (id: string, way: Partial<SamplingParams>) =>
      new Set((await draw(test, id, way, { maxTokens: 40 })).tokens).size;
    // So strong a penalty leaves tokens that neither prompt nor answer holds.
    assert.equal(await distinct("presence", { presencePenalty: 1000 }), 40);
    assert.equal(await distinct("frequency", { frequencyPenalty: 1000 }), 40);
    assert.equal(await distinct("repetition", { repetitionPenalty: 1e6 }), 40);
    assert.equal(await distinct("boost", { presencePenalty: -1000 }), 1);
    const { tokens } = await draw(test, "prompt", { repetitionPenalty: 1e6 }, { maxTokens: 40 });
    assert.ok(tokens.every((token) => !PROMPT.includes(token)), "the prompt counts too");
  });
});

Deno.test("penalties count the answer across a preemption", async () => {
  const BLOCK_BYTES = 2 * 3 * 2 * 16 * 16 * 4;
  await withRunner(
    MODEL,
    { sizing: { maxModelLen: 128, kvMemoryBytes: 9 * BLOCK_BYTES } },
    async (test) => {
      for (let i = 0; i < 3; i++) {
        const sampling = { ...GREEDY, frequencyPenalty: 1000 };
        const promptTokens = PROMPT.with(1, 50 + i); // equal texts would share their blocks
        test.submit({ id: `${i}`, promptTokens, sampling, maxTokens: 70 });
      }
      await test.drain();
      assert.ok(test.scheduler.stats.preemptions > 0);
      for (const { tokens } of test.outcomes.values()) assert.equal(new Set(tokens).size, 70);
    },
  );
});

Deno.test("a stop token ends the answer where it is drawn, also within a burst", async () => {
  await withRunner(MODEL, {}, async (test) => {
    const { tokens } = await draw(test, "plain", {}, { maxTokens: 24 });
    for (const place of [0, 1, 2, 3, 4, 11]) {
      const stop = tokens[place];
      const expected = tokens.slice(0, tokens.indexOf(stop) + 1);
      const more = { stopTokens: [stop], maxTokens: 24 };
      const { tokens: got, finished } = await draw(test, `stop ${place}`, {}, more);
      assert.deepEqual(got, expected);
      assert.equal(finished?.reason, "stop");
    }
    assert.equal(test.scheduler.stats.usedBlocks, 0);
  });
});

Deno.test("a stop token as the last allowed one is a stop, not a length", async () => {
  await withRunner(MODEL, {}, async (test) => {
    const { tokens } = await draw(test, "plain", {}, { maxTokens: 1 });
    const { finished } = await draw(test, "stop", {}, { maxTokens: 1, stopTokens: tokens });
    assert.equal(finished?.reason, "stop");
  });
});

Deno.test("pause tokens idle a row for the rest of a burst and change no token", async () => {
  await withRunner(MODEL, {}, async (test) => {
    const plain = await draw(test, "plain", {}, { maxTokens: 24 });
    const bursts = (outcome: typeof plain) =>
      outcome.events.flatMap((event) => event.kind === "tokens" ? [event.tokens.length] : []);
    assert.ok(bursts(plain).some((length) => length > 1), "there are no bursts to cut");
    const every = Array.from({ length: 256 }, (_, i) => i);
    const paused = await draw(test, "paused", {}, { maxTokens: 24, pauseTokens: every });
    assert.deepEqual(paused.tokens, plain.tokens);
    assert.deepEqual(new Set(bursts(paused)), new Set([1]));
    // Beside a row that goes on, and drawing by chance.
    const way = { ...GREEDY, temperature: 1, seed: 8 };
    test.submit({ id: "a", promptTokens: PROMPT, sampling: way, maxTokens: 24 });
    const half = every.filter((token) => token % 2 === 0);
    test.submit({ id: "b", promptTokens: PROMPT, sampling: way, maxTokens: 24, pauseTokens: half });
    await test.drain();
    assert.deepEqual(test.outcomes.get("b")!.tokens, test.outcomes.get("a")!.tokens);
  });
});

Deno.test("a request for one token gets one", async () => {
  await withRunner(MODEL, {}, async (test) => {
    const { tokens, finished } = await draw(test, "one", {}, { maxTokens: 1 });
    assert.equal(tokens.length, 1);
    assert.equal(finished?.reason, "length");
  });
});

Deno.test("an answer that fills the context ends as length, with every position used", async () => {
  await withRunner(MODEL, { sizing: { maxModelLen: 64 } }, async (test) => {
    const { tokens, finished } = await draw(test, "full", {}, { maxTokens: 1000 });
    assert.equal(tokens.length, 64 - PROMPT.length);
    assert.equal(finished?.reason, "length");
    test.submit({ id: "last", promptTokens: new Uint32Array(63).fill(9), maxTokens: 10 });
    await test.drain();
    const last = test.outcomes.get("last")!;
    assert.equal(last.tokens.length, 1);
    assert.equal(last.finished?.reason, "length");
  });
});

import assert from "node:assert/strict";
import {
  adjustedReference,
  logprobsReference,
} from "../../../../engine/kernels/sampling/reference.ts";
import { assertClose, kernelTest, randoms } from "../harness.ts";
import { asOnHardware, PLAIN, type RowSetup, SamplerBench } from "./sampler_bench.ts";

const GREEDY = { ...PLAIN, temperature: 0 };

Deno.test("the reference's penalties are the published formulas", () => {
  const logits = Float32Array.of(2, -2, 2, -2, 1, 0);
  const adjusted = adjustedReference(logits, {
    sampling: {
      ...PLAIN,
      repetitionPenalty: 2,
      frequencyPenalty: 0.5,
      presencePenalty: 0.25,
      logitBias: new Map([[4, -100], [0, 1]]),
    },
    promptTokens: [0, 1, 1],
    answerTokens: [2, 3, 3],
  });
  // In the prompt: 2/2 + bias 1, -2·2; in the answer: 2/2 - 0.5 - 0.25, -2·2 - 2·0.5 - 0.25.
  assert.deepEqual([...adjusted], [2, -4, 0.25, -5.25, -99, 0]);
});

kernelTest(
  "greedy rows with penalties and biases follow the reference as tokens repeat",
  async (bench) => {
    const vocab = 515;
    const sampler = new SamplerBench(bench, { maxBatch: 6, vocab, maxSteps: 24 });
    const bias = new Map(Array.from({ length: 400 }, (_, i) => [i, ((i * 37) % 13) / 2 - 3]));
    const settings = [
      { repetitionPenalty: 1.3 },
      { repetitionPenalty: 0.8 },
      { frequencyPenalty: 0.7 },
      { presencePenalty: 1.1 },
      { logitBias: bias },
      { repetitionPenalty: 1.1, frequencyPenalty: -0.01, presencePenalty: 0.6, logitBias: bias },
    ];
    const rows = settings.map((setting, i): RowSetup => ({
      logits: randoms(vocab, 20 + i, 5),
      sampling: { ...GREEDY, ...setting },
      promptTokens: [...randoms(60, i)].map((v) => Math.floor((v + 1) / 2 * vocab)),
      answerTokens: [3, 3, 100 + i],
    }));
    const tokens = await sampler.run(rows, { steps: 24 });
    rows.forEach((row, i) => {
      const { sampling, promptTokens = [] } = row;
      const answerTokens = [...row.answerTokens ?? []];
      for (let step = 0; step < 24; step++) {
        const adjusted = adjustedReference(row.logits, { sampling, promptTokens, answerTokens });
        const token = tokens[step][i];
        assert.ok(adjusted[token] >= Math.max(...adjusted) - 1e-5, `row ${i}, step ${step}`);
        answerTokens.push(token);
      }
      // The penalties matter in this test: an unpenalised row would repeat one token.
      if (i !== 1 && i !== 4) assert.ok(new Set(tokens.map((step) => step[i])).size > 1);
    });
  },
);

kernelTest(
  "a bias of -100 bans and 1024 biases fit; a row without forgets its predecessor's",
  async (bench) => {
    const vocab = 2048;
    const sampler = new SamplerBench(bench, { maxBatch: 1, vocab, maxSteps: 1 });
    const logits = randoms(vocab, 77, 5);
    const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a]);
    const banned = new Map(order.slice(0, 1024).map((token) => [token, -100]));
    const run = async (logitBias: Map<number, number>) =>
      (await sampler.run([{ logits, sampling: { ...GREEDY, logitBias } }]))[0][0];
    assert.equal(await run(banned), order[1024]);
    assert.equal(await run(new Map()), order[0]);
    assert.equal(await run(new Map([[order[2000], 100]])), order[2000]);
    await assert.rejects(run(new Map([...order.keys()].slice(0, 1025).map((t) => [t, 1]))), /1025/);
  },
);

kernelTest("log-probabilities are those of the raw logits", async (bench) => {
  for (const vocab of [1, 7, 31, 300, 2048, 50257]) {
    const device = vocab === 300 ? asOnHardware(bench) : bench;
    const sampler = new SamplerBench(device, { maxBatch: 5, vocab, maxSteps: 2 });
    const count = Math.min(20, vocab);
    const logits = randoms(vocab, vocab, 7);
    const holes = logits.map((v, i) => i % 2 === 0 ? v : -Infinity);
    const sampling = { ...PLAIN, topK: 2, temperature: 0.5, logprobs: count };
    const rows: RowSetup[] = [
      { logits, sampling: { ...sampling, logprobs: null } },
      { logits, sampling: { ...sampling, logitBias: new Map([[0, 100]]) } },
      { logits: logits.map(Math.round), sampling },
      { logits: new Float32Array(vocab), sampling: { ...sampling, logprobs: Math.min(3, count) } },
      { logits: holes, sampling: { ...sampling, logprobs: 0 } },
    ];
    const tokens = await sampler.run(rows, { steps: 2, logprobs: true });
    for (let i = 1; i < rows.length; i++) {
      const wanted = rows[i].sampling.logprobs ?? 0;
      for (const step of [0, 1]) {
        await assertLogprobs(sampler, rows[i], { row: i, step, wanted, token: tokens[step][i] });
      }
    }
    const untouched = await sampler.logprobsOf(0, 0);
    assert.deepEqual(untouched.drawn, { token: 0, logprob: 0 });
  }
});

async function assertLogprobs(
  sampler: SamplerBench,
  setup: RowSetup,
  at: { row: number; step: number; wanted: number; token: number },
): Promise<void> {
  const got = await sampler.logprobsOf(at.row, at.wanted, at.step);
  const expected = logprobsReference(setup.logits, at.token, at.wanted);
  assert.equal(got.drawn.token, at.token);
  assert.deepEqual(got.top.map((e) => e.token), expected.top.map((e) => e.token));
  assertClose(
    [got.drawn, ...got.top].map((e) => e.logprob),
    [expected.drawn, ...expected.top].map((e) => e.logprob),
    1e-5,
  );
}

import assert from "node:assert/strict";
import { TOKEN_FAILED, TOKEN_NOTHING } from "../../../../engine/kernels/sampling/mod.ts";
import { kernelTest, randoms } from "../harness.ts";
import { PLAIN, SamplerBench } from "./sampler_bench.ts";

const GREEDY = { ...PLAIN, temperature: 0 };
const VOCABS = [1, 2, 31, 255, 2048, 50257, 152_064];

kernelTest("a greedy row takes the highest logit, the lowest id among ties", async (bench) => {
  for (const vocab of VOCABS) {
    const sampler = new SamplerBench(bench, { maxBatch: 3, vocab, maxSteps: 1 });
    const logits = randoms(vocab, vocab, 4);
    const first = vocab >> 1, second = Math.min(vocab - 1, first + 7);
    const tied = Float32Array.from(logits);
    tied[first] = tied[second] = 9;
    const zeros = new Float32Array(vocab).fill(-0);
    zeros[vocab - 1] = 0;
    const [tokens] = await sampler.run([
      { logits, sampling: GREEDY },
      { logits: tied, sampling: GREEDY },
      { logits: zeros, sampling: GREEDY },
    ]);
    assert.deepEqual(tokens, [logits.indexOf(Math.max(...chunkMaxima(logits))), first, 0]);
  }
});

kernelTest("infinite logits are decided, NaN and impossible rows fail", async (bench) => {
  const vocab = 301;
  const sampler = new SamplerBench(bench, { maxBatch: 16, vocab, maxSteps: 1 });
  const only = new Float32Array(vocab).fill(-Infinity);
  only[200] = -3;
  const nan = randoms(vocab, 3);
  nan[300] = NaN;
  const negativeNan = new Float32Array(Uint32Array.from(nan, () => 0xffc00001).buffer);
  const none = new Float32Array(vocab).fill(-Infinity);
  const certain = randoms(vocab, 4);
  certain[17] = Infinity;
  const extremes = new Float32Array(vocab).fill(-3.4e38);
  extremes[5] = 3.4e38;
  for (
    const sampling of [GREEDY, PLAIN, { ...PLAIN, topK: 5 }, { ...PLAIN, topP: 0.5 }, {
      ...PLAIN,
      topK: 3,
      topP: 0.9,
      minP: 0.1,
      temperature: 1e-4,
    }, { ...PLAIN, temperature: 1e-44, topP: 0.3 }]
  ) {
    const [tokens] = await sampler.run(
      [only, nan, negativeNan, none, certain, extremes].map((logits) => ({ logits, sampling })),
    );
    assert.deepEqual(tokens, [200, TOKEN_FAILED, TOKEN_FAILED, TOKEN_FAILED, 17, 5]);
  }
  assert.equal((await sampler.stateOf(1)).running, 0);
});

kernelTest(
  "a draw moves its row on until budget or a pause token ends the burst",
  async (bench) => {
    const vocab = 70;
    const sampler = new SamplerBench(bench, { maxBatch: 6, vocab, maxSteps: 4 });
    const logits = new Float32Array(vocab);
    logits[64] = 5;
    const rows = [
      { logits, sampling: GREEDY },
      { logits, sampling: GREEDY, budget: 2 },
      { logits, sampling: GREEDY, pauseTokens: [3, 64] },
      { logits, sampling: GREEDY, running: false },
    ];
    const places = [4, 0, 5, 2];
    const N = TOKEN_NOTHING;
    const tokens = await sampler.run(rows, { steps: 3, places });
    assert.deepEqual(tokens, [[64, 64, 64, N], [64, 64, N, N], [64, N, N, N]]);
    const state = async (place: number) => Object.values(await sampler.stateOf(place));
    assert.deepEqual(await state(4), [64, 103, 3, (1 << 20) - 3, 1]);
    assert.deepEqual(await state(0), [64, 102, 2, 0, 0]);
    assert.deepEqual(await state(5), [64, 101, 1, (1 << 20) - 1, 0]);
    assert.deepEqual(await state(2), [0, 100, 0, 1 << 20, 0]);
  },
);

/** Math.max of everything, without 150,000 arguments. */
function chunkMaxima(values: Float32Array): number[] {
  const maxima: number[] = [];
  for (let i = 0; i < values.length; i += 1024) maxima.push(Math.max(...values.slice(i, i + 1024)));
  return maxima;
}

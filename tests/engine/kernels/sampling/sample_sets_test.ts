import assert from "node:assert/strict";
import type { SamplingParams } from "../../../../engine/core/generation.ts";
import {
  adjustedReference,
  candidatesReference,
  scoresReference,
} from "../../../../engine/kernels/sampling/reference.ts";
import { kernelTest, randoms } from "../harness.ts";
import { asOnHardware, PLAIN, type RowSetup, SamplerBench } from "./sampler_bench.ts";

/** Scores this close are a tie that the GPU's logarithm may decide either way. */
const SCORE_TOLERANCE = 2e-5;

const SETTINGS: Partial<SamplingParams>[] = [
  {},
  { temperature: 0.3 },
  { topK: 1 },
  { topK: 7 },
  { topK: 64 },
  { topK: 65 },
  { topK: 300 },
  { topK: 1 << 30 },
  { topP: 0.9 },
  { topP: 0.5, temperature: 2 },
  { topP: 0.999, temperature: 30 },
  { topP: 0 },
  { minP: 0.05 },
  { minP: 1 },
  { topK: 40, topP: 0.8 },
  { topK: 500, topP: 0.95, minP: 0.02, temperature: 1.5 },
];

/** Rows of several kinds: spread out, peaked, coarse (many ties), flat, with -inf. */
function shapes(vocab: number, seed: number): Float32Array[] {
  const spread = randoms(vocab, seed, 8);
  const peaked = spread.map((v) => v * Math.abs(v));
  const coarse = spread.map((v) => Math.round(v));
  const flat = new Float32Array(vocab).fill(-1.5);
  const holes = spread.map((v, i) => i % 3 === 1 ? -Infinity : v);
  return [spread, peaked, coarse, flat, holes];
}

/** The token drawn must be the reference's best, or so near that rounding decides. */
function assertDrawn(token: number, setup: RowSetup, index: number, label: string): void {
  const { sampling, promptTokens = [], answerTokens = [] } = setup;
  const adjusted = adjustedReference(setup.logits, { sampling, promptTokens, answerTokens });
  const candidates = candidatesReference(adjusted, sampling);
  const chosen = candidates.find((c) => c.token === token);
  assert.ok(chosen, `${label}: token ${token} should not be kept`);
  const scores = scoresReference(candidates, sampling.seed, index);
  const score = scores.find((s) => s.token === token)!.score;
  const certain = new Set(candidates.filter((c) => c.certain).map((c) => c.token));
  const best = scores.find((s) => certain.has(s.token))!;
  assert.ok(score >= best.score - SCORE_TOLERANCE, `${label}: ${token} instead of ${best.token}`);
}

kernelTest("draws equal the sorted float64 reference for every kind of row", async (bench) => {
  for (const vocab of [1, 2, 31, 255, 2048, 2049]) {
    const device = vocab === 2049 ? asOnHardware(bench) : bench;
    const sampler = new SamplerBench(device, { maxBatch: 80, vocab, maxSteps: 6 });
    const rows = shapes(vocab, vocab).flatMap((logits) =>
      SETTINGS.map((setting, i) => ({
        logits,
        sampling: { ...PLAIN, ...setting, seed: i * 77 + vocab },
      }))
    );
    const tokens = await sampler.run(rows, { steps: 6 });
    rows.forEach((row, i) => {
      for (let step = 0; step < 6; step++) {
        assertDrawn(tokens[step][i], row, step, `vocab ${vocab}, row ${i}, step ${step}`);
      }
    });
  }
});

kernelTest("draws from large vocabularies equal the reference", async (bench) => {
  for (const vocab of [50257, 152_064]) {
    const sampler = new SamplerBench(bench, { maxBatch: 6, vocab, maxSteps: 1 });
    const [spread, peaked, coarse, flat] = shapes(vocab, 5);
    const setups: [Float32Array, Partial<SamplingParams>][] = [
      [spread, {}],
      [spread, { topK: 50, topP: 0.9 }],
      [peaked, { topP: 0.95 }],
      [coarse, { topK: 20 }],
      [flat, { topP: 0.3 }],
      [spread, { topK: 1000, minP: 0.9, temperature: 0.8 }],
    ];
    const rows = setups.map(([logits, setting], i) => ({
      logits,
      sampling: { ...PLAIN, ...setting, seed: i },
    }));
    const [tokens] = await sampler.run(rows);
    rows.forEach((row, i) => assertDrawn(tokens[i], row, 0, `vocab ${vocab}, row ${i}`));
  }
});

/** Draws often enough that every kept token must show up. */
async function keptTokens(
  sampler: SamplerBench,
  logits: Float32Array,
  setting: Partial<SamplingParams>,
): Promise<number[]> {
  const rows = Array.from({ length: 64 }, (_, i) => ({
    logits,
    sampling: { ...PLAIN, ...setting, seed: 1000 + i },
  }));
  const tokens = await sampler.run(rows, { steps: 16 });
  return [...new Set(tokens.flat())].sort((a, b) => a - b);
}

kernelTest("the kept sets are exact, ties at the border included", async (bench) => {
  const vocab = 8;
  const sampler = new SamplerBench(bench, { maxBatch: 64, vocab, maxSteps: 16 });
  const probabilities = [0.05, 0.2, 0.1, 0.1, 0.05, 0.3, 0.1, 0.1];
  const logits = Float32Array.from(probabilities, Math.log);
  const kept = (setting: Partial<SamplingParams>) => keptTokens(sampler, logits, setting);
  assert.deepEqual(await kept({}), [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.deepEqual(await kept({ topK: 2 }), [1, 5]);
  assert.deepEqual(await kept({ topK: 3 }), [1, 2, 3, 5, 6, 7]);
  assert.deepEqual(await kept({ topP: 0.01 }), [5]);
  assert.deepEqual(await kept({ topP: 0.49 }), [1, 5]);
  assert.deepEqual(await kept({ topP: 0.51 }), [1, 2, 3, 5, 6, 7]);
  assert.deepEqual(await kept({ minP: 0.34 }), [1, 5]);
  assert.deepEqual(await kept({ minP: 0.32 }), [1, 2, 3, 5, 6, 7]);
  // Top-p counts mass within what top-k left: 0.3 / 0.5 is 60 %.
  assert.deepEqual(await kept({ topK: 2, topP: 0.59 }), [5]);
  assert.deepEqual(await kept({ topK: 2, topP: 0.61 }), [1, 5]);
  // Doubling the temperature takes square roots: 0.17, 0.16·1 … the two likeliest hold 35.6 %.
  assert.deepEqual(await kept({ topP: 0.35, temperature: 2 }), [1, 5]);
  assert.deepEqual(await kept({ topP: 0.37, temperature: 2 }), [1, 2, 3, 5, 6, 7]);
});

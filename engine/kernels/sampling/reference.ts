/**
 * What `Sample` and `Logprobs` compute, on the host in float64 by sorting: for tests. Only the
 * random bits are defined to be equal; sums and logarithms differ in rounding.
 */
import type { SamplingParams, TokenLogprob } from "../../core/generation.ts";

/** Logits after penalties and biases, each rounded to f32 as the GPU does. */
export function adjustedReference(
  logits: Float32Array,
  of: { sampling: SamplingParams; promptTokens: number[]; answerTokens: number[] },
): Float32Array {
  const { repetitionPenalty, frequencyPenalty, presencePenalty, logitBias } = of.sampling;
  const adjusted = Float32Array.from(logits);
  for (const token of new Set([...of.promptTokens, ...of.answerTokens])) {
    adjusted[token] = adjusted[token] > 0
      ? adjusted[token] / repetitionPenalty
      : adjusted[token] * repetitionPenalty;
  }
  const counts = new Map<number, number>();
  for (const token of of.answerTokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  for (const [token, count] of counts) {
    adjusted[token] -= count * frequencyPenalty + presencePenalty;
  }
  for (const [token, bias] of logitBias) adjusted[token] += bias;
  return adjusted;
}

/** A candidate of the draw. `certain` is false where rounding decides whether it is kept. */
export interface Candidate {
  token: number;
  /** ln of the token's weight relative to the likeliest. */
  logWeight: number;
  certain: boolean;
}

/** Masses this close to p, as a share of all, count as either side of the border. */
const MASS_TOLERANCE = 1e-6;

/** The tokens top-k, top-p and min-p keep, best first; an excluded one is absent. */
export function candidatesReference(
  adjusted: Float32Array,
  sampling: { temperature: number; topK: number; topP: number; minP: number },
): Candidate[] {
  const { temperature, topK, topP, minP } = sampling;
  const order = [...adjusted.keys()].filter((t) => adjusted[t] !== -Infinity)
    .sort((a, b) => adjusted[b] - adjusted[a] || a - b);
  const peak = adjusted[order[0]];
  let kept: Candidate[] = order.map((token) => ({
    token,
    logWeight: adjusted[token] === peak ? 0 : (adjusted[token] - peak) / temperature,
    certain: true,
  }));
  if (topK > 0 && topK < kept.length) {
    const last = adjusted[kept[topK - 1].token];
    kept = kept.filter(({ token }) => adjusted[token] >= last);
  }
  if (topP < 1) {
    const total = kept.reduce((sum, { logWeight }) => sum + Math.exp(logWeight), 0);
    let before = 0;
    const nucleus: Candidate[] = [];
    for (let i = 0; i < kept.length;) {
      // Equal tokens come and go together.
      let end = i;
      while (end < kept.length && adjusted[kept[end].token] === adjusted[kept[i].token]) end++;
      if (i > 0 && before / total >= topP + MASS_TOLERANCE) break;
      const certain = i === 0 || before / total < topP - MASS_TOLERANCE;
      for (; i < end; i++) {
        before += Math.exp(kept[i].logWeight);
        nucleus.push({ ...kept[i], certain });
      }
    }
    kept = nucleus;
  }
  if (minP > 0) {
    const edge = Math.log(minP);
    const tolerance = 1e-5 + Math.abs(edge) * 1e-6;
    kept = kept.filter(({ logWeight }) => logWeight >= edge - tolerance).map((candidate) => ({
      ...candidate,
      certain: candidate.certain &&
        (candidate.logWeight === 0 || candidate.logWeight >= edge + tolerance),
    }));
  }
  return kept;
}

/** Philox2x32-10 as in draw.wgsl, with seed as key and (token, index) as counter. */
export function philoxReference(seed: number, token: number, index: number): [number, number] {
  let key = seed >>> 0;
  let [x, y] = [token >>> 0, index >>> 0];
  for (let round = 0; round < 10; round++) {
    const high = multiplyHigh(0xd256d193, x);
    [x, y] = [(high ^ key ^ y) >>> 0, Math.imul(0xd256d193, x) >>> 0];
    key = (key + 0x9e3779b9) >>> 0;
  }
  return [x, y];
}

/** The bits behind a token's score. */
export function randomReference(seed: number, index: number, token: number): number {
  return philoxReference(seed, token, index)[0];
}

/** In (0, 1); bit for bit what the GPU computes. */
export function uniformReference(random: number): number {
  const odd = (random | 1) >>> 0;
  const extra = 8 - Math.min(8, Math.clz32(odd));
  return ((odd >>> extra) * 2 ** extra) * 2 ** -32;
}

/** The scores of the draw, best first. */
export function scoresReference(
  candidates: readonly Candidate[],
  seed: number,
  index: number,
): { token: number; score: number }[] {
  return candidates.map(({ token, logWeight }) => {
    const u = uniformReference(randomReference(seed, index, token));
    return { token, score: logWeight - Math.log(-Math.log1p(-u)) };
  }).sort((a, b) => b.score - a.score || a.token - b.token);
}

/** Log-probabilities of the drawn token and of the `count` likeliest. */
export function logprobsReference(
  logits: Float32Array,
  drawn: number,
  count: number,
): { drawn: TokenLogprob; top: TokenLogprob[] } {
  const peak = logits.reduce((a, b) => Math.max(a, b), -Infinity);
  const below = (token: number) => logits[token] === peak ? 0 : logits[token] - peak;
  let sum = 0;
  for (let token = 0; token < logits.length; token++) sum += Math.exp(below(token));
  const entry = (token: number) => ({ token, logprob: below(token) - Math.log(sum) });
  const order = [...logits.keys()].sort((a, b) =>
    (logits[b] === logits[a] ? 0 : logits[b] - logits[a]) || a - b
  );
  return { drawn: entry(drawn), top: order.slice(0, count).map(entry) };
}

/** Bits 32 to 63 of a product of two u32. */
function multiplyHigh(a: number, b: number): number {
  const lowHalf = a * (b & 0xffff);
  const highHalf = a * (b >>> 16);
  return Math.floor((highHalf + Math.floor(lowHalf / 65536)) / 65536);
}

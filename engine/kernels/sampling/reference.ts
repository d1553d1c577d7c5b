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
      certain: candidate.certain && candidate.logWeight >= edge + tolerance,
    }));
  }
  return kept;
}

/** The hash of draw.wgsl; returns the word that is used. */
export function randomReference(seed: number, index: number, token: number): number {
  const v = Uint32Array.of(seed, index, token, 0x57656674);
  for (let i = 0; i < 4; i++) v[i] = Math.imul(v[i], 1664525) + 1013904223;
  mix(v);
  for (let i = 0; i < 4; i++) v[i] ^= v[i] >>> 16;
  mix(v);
  return v[0];
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

function mix(v: Uint32Array): void {
  v[0] += Math.imul(v[1], v[3]);
  v[1] += Math.imul(v[2], v[0]);
  v[2] += Math.imul(v[0], v[1]);
  v[3] += Math.imul(v[1], v[2]);
}

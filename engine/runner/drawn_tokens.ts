import type { GeneratedToken } from "../core/generation.ts";
import { readLogprobs, TOKEN_FAILED, TOKEN_NOTHING } from "../kernels/mod.ts";
import type { StepOutput } from "../model/mod.ts";

/** What a row drew in a step, or null when its logits held a NaN. */
export function drawnTokens(
  { drawn, logprobs }: StepOutput,
  { index, count, burst, wanted }: {
    /** The row's place among the `count` that were sampled. */
    index: number;
    count: number;
    burst: number;
    /** Alternatives to report; null: no log-probabilities. */
    wanted: number | null;
  },
): GeneratedToken[] | null {
  const tokens: GeneratedToken[] = [];
  for (let step = 0; step < burst; step++) {
    const entry = step * count + index;
    const token = drawn[entry];
    if (token === TOKEN_FAILED) return null;
    if (token === TOKEN_NOTHING) break;
    if (wanted === null || !logprobs) {
      tokens.push({ token });
    } else {
      const { drawn: own, top } = readLogprobs(logprobs, entry, wanted);
      tokens.push({ token, logprob: own.logprob, topLogprobs: top });
    }
  }
  return tokens;
}

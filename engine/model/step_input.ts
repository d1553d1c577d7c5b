import type { Segment } from "./stack_parts.ts";

/** What one submission computes. Rows decode first in every list, then prefills that end. */
export interface StepInput {
  /** Tokens of prompts. */
  prefill: Segment & {
    ids: Uint32Array<ArrayBuffer>;
    positions: Uint32Array<ArrayBuffer>;
    rows: Uint32Array<ArrayBuffer>;
  };
  /** Rows that each feed the token they drew last. */
  decode: Segment;
  /** Batch rows that draw a token: the decoding ones, then those whose prompt ends here. */
  sampled: Uint32Array<ArrayBuffer>;
  /** For each entry of `sampled` beyond the decoding ones, its last token's place among `ids`. */
  picks: Uint32Array<ArrayBuffer>;
  /** Tokens to draw per row; 1 when there are prefills. */
  burst: number;
  /** Whether any row wants log-probabilities. */
  logprobs: boolean;
}

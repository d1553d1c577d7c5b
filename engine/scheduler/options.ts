import { WeftError } from "../core/errors.ts";
import type { HashBlock } from "./prefix_hash.ts";

export interface SchedulerOptions {
  /** Sequences that run at once (rows). */
  maxBatch: number;
  /** Tokens of prompt and answer together. */
  maxModelLen: number;
  /** KV blocks of 16 tokens. */
  numBlocks: number;
  /** Prompt tokens computed per step, over all sequences. */
  prefillTokenBudget: number;
  /** Tokens drawn per row in one submission, at most. */
  maxBurst: number;
  /** `add` refuses once this many sequences wait. */
  maxQueuedRequests: number;
  /** `add` refuses a prompt that would raise the tokens that wait above this; one may always wait. */
  maxQueuedTokens: number;
  prefixCache: boolean;
  /** Replaces the block hash; for tests that provoke collisions. */
  hashBlock?: HashBlock;
}

/** Throws `internal` unless every size is a whole number of 1 or more. */
export function checkOptions(options: SchedulerOptions): void {
  for (const [name, value] of Object.entries(options)) {
    if (name === "prefixCache" || name === "hashBlock") continue;
    if (Number.isSafeInteger(value) && value >= 1) continue;
    throw new WeftError(
      "internal",
      `Cannot create the scheduler: ${name} is ${value}, must be a whole number of 1 or more`,
    );
  }
}

import type { Sequence } from "./sequence.ts";

/** A run of one sequence's tokens to compute in a step. */
export interface PrefillChunk<S extends Sequence = Sequence> {
  readonly sequence: S;
  /** Position of the first token. */
  readonly start: number;
  /** Index of the sequence's segment that all of the chunk belongs to. */
  readonly segment: number;
  /** The chunk's token ids (a view). */
  readonly tokens: Uint32Array;
  /** The chunk ends the sequence: a token is drawn at its last position. */
  readonly last: boolean;
}

/**
 * One step. Keys and values of everything before `start` (prefill) or `numComputed` (decode) are
 * in the cache, and blocks for all that the step writes are in the tables.
 */
export interface StepPlan<S extends Sequence = Sequence> {
  readonly prefills: readonly PrefillChunk<S>[];
  /**
   * Each feeds its last token at position `numComputed` and draws up to
   * `min(burst, sequence.remaining)` tokens; then its row idles.
   */
  readonly decodes: readonly S[];
  /** Tokens drawn per row in this submission; 1 when there is any prefill. */
  readonly burst: number;
  /** Lost row and blocks to let older ones go on; wait at the head of the queue. */
  readonly preempted: readonly S[];
}

/** The tokens a step drew, for each sequence it sampled; a decode that was stopped drew none. */
export type StepResults = ReadonlyMap<Sequence, readonly number[]>;

/** A snapshot. Counters only grow. */
export interface SchedulerStats {
  running: number;
  waiting: number;
  waitingTokens: number;
  numBlocks: number;
  /** Blocks that running sequences hold. */
  usedBlocks: number;
  /** Blocks kept for their contents alone, evictable. */
  cachedBlocks: number;
  /** Share of blocks that running sequences hold, 0 to 1. */
  kvUsage: number;
  /** Rows in the latest step. */
  batchSize: number;
  /** Steps committed. */
  steps: number;
  preemptions: number;
  /** Prompt tokens of admitted requests, and how many of them the prefix cache spared. */
  promptTokens: number;
  cachedPromptTokens: number;
  generatedTokens: number;
}

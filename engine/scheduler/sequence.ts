import type { PrefixEntry } from "./prefix_entry.ts";

/** Tokens per KV block. */
export const BLOCK_SIZE = 16;

/** KV blocks that hold this many positions. */
export function blocksFor(positions: number): number {
  return Math.ceil(positions / BLOCK_SIZE);
}

/** What the scheduler needs to know of a request. */
export interface SequenceSpec {
  id: string;
  promptTokens: Uint32Array;
  /** Tokens to generate at most, 1 or more. */
  maxTokens: number;
  /** Identity of the mixture: the same text if and only if the generations and weights are the same. */
  mixtureKey: string;
  /** Whether its latest token may be taken back (`Scheduler.rewind`). */
  rewinds?: boolean;
}

/** A stretch of positions computed under one mixture; it ends where the next one starts. */
export interface Segment {
  readonly start: number;
  readonly mixtureKey: string;
}

/** A request as the scheduler sees it; only the scheduler changes it. */
export interface Sequence {
  readonly id: string;
  /** The first segment's. */
  readonly mixtureKey: string;
  /** From position 0 on, in order; what is decoded runs under the last. */
  readonly segments: readonly Segment[];
  readonly maxTokens: number;
  readonly state: "waiting" | "running" | "finished";
  /** `decode` once the prompt is in the cache and a token was drawn; preemption goes back to `prefill`. */
  readonly phase: "prefill" | "decode";
  /** Place in the persistent batch, 0 to maxBatch − 1 while running, else −1. */
  readonly row: number;
  /** How often it was given a row; tells a row's old state from the new one after a preemption. */
  readonly admissions: number;
  /** Prompt and answer so far: a view, valid until the next commit. */
  readonly tokens: Uint32Array;
  /** Number of tokens, prompt and answer. */
  readonly length: number;
  readonly numPrompt: number;
  readonly numGenerated: number;
  /** Tokens it may still draw before maxTokens, the context or the KV cache ends it; 0 means finish it. */
  readonly remaining: number;
  /** Positions 0 to numComputed − 1 have keys and values in the cache. */
  readonly numComputed: number;
  /** Prompt tokens found in the prefix cache when first admitted. */
  readonly numCached: number;
  /** Position p lives in block `blockTable[p / 16]`, slot `p % 16`. */
  readonly blockTable: readonly number[];
  /** Grows whenever the block table changes. */
  readonly blockTableVersion: number;
}

/** How a row draws in a submission: it idles from its limit on, and from a token that makes it pause. */
export interface Pace {
  /** Tokens, at most. */
  most: number;
  /** That a token makes it pause, 0 to 1. */
  pauseChance: number;
}

/** Of a row that never pauses. */
export const STEADY: Pace = { most: Infinity, pauseChance: 0 };

/** The scheduler's own, writable record of a sequence. */
export class SequenceRecord implements Sequence {
  readonly id: string;
  segments: Segment[];
  /** Sits out steps. */
  held = false;
  pace: Pace = STEADY;
  readonly maxTokens: number;
  readonly numPrompt: number;
  readonly rewinds: boolean;
  /** Tokens, prompt and answer, it can never exceed. */
  readonly maxLength: number;
  state: "waiting" | "running" | "finished" = "waiting";
  phase: "prefill" | "decode" = "prefill";
  /** `doomed`: aborted or finished while its step is on the GPU; freed when the step is committed. */
  flight: "landed" | "flying" | "doomed" = "landed";
  row = -1;
  admissions = 0;
  numComputed = 0;
  numCached = 0;
  blockTable: number[] = [];
  blockTableVersion = 0;
  /** Prefix cache entries of the leading blocks in the table. */
  chain: PrefixEntry[] = [];
  /** Hashes of the leading full blocks, made on demand; they depend on tokens and segments only. */
  hashes: bigint[] = [];
  /** Neighbours in the waiting queue. */
  previous: SequenceRecord | null = null;
  next: SequenceRecord | null = null;
  #buffer: Uint32Array;
  #length: number;

  constructor(spec: SequenceSpec, maxLength: number) {
    this.id = spec.id;
    this.segments = [{ start: 0, mixtureKey: spec.mixtureKey }];
    this.maxTokens = spec.maxTokens;
    this.numPrompt = spec.promptTokens.length;
    this.rewinds = spec.rewinds ?? false;
    this.maxLength = maxLength;
    this.#buffer = spec.promptTokens.slice();
    this.#length = spec.promptTokens.length;
  }

  get mixtureKey(): string {
    return this.segments[0].mixtureKey;
  }

  /** Index of the segment that a position belongs to. */
  segmentAt(position: number): number {
    return this.segments.findLastIndex(({ start }) => start <= position);
  }

  /** Positions from `start` on, none of them computed, belong to the mixture. */
  appendSegment(start: number, mixtureKey: string): void {
    this.segments = this.segments.filter((segment) => segment.start < start);
    if (this.segments.at(-1)?.mixtureKey !== mixtureKey) this.segments.push({ start, mixtureKey });
    this.hashes.length = Math.min(this.hashes.length, Math.floor(start / BLOCK_SIZE));
  }

  /** Names the mixtures of a block's positions and where in the block each begins. */
  mixtureOfBlock(index: number): string {
    const start = index * BLOCK_SIZE;
    const from = this.segmentAt(start);
    const to = this.segmentAt(start + BLOCK_SIZE - 1);
    return JSON.stringify(
      this.segments.slice(from, to + 1)
        .map((segment) => [Math.max(0, segment.start - start), segment.mixtureKey]),
    );
  }

  get tokens(): Uint32Array {
    return this.#buffer.subarray(0, this.#length);
  }

  get length(): number {
    return this.#length;
  }

  get numGenerated(): number {
    return this.#length - this.numPrompt;
  }

  get remaining(): number {
    return this.maxLength - this.#length;
  }

  /** Whether it will ever need more blocks than it holds; the last token drawn is never fed. */
  get mayGrow(): boolean {
    return this.blockTable.length < blocksFor(this.maxLength - 1);
  }

  /** Tokens start to end − 1: a view that later tokens do not change. */
  slice(start: number, end: number): Uint32Array {
    return this.#buffer.subarray(start, end);
  }

  /** Positions whose keys and values are there for good. */
  get numSettled(): number {
    return this.rewinds ? this.numComputed - 1 : this.numComputed;
  }

  dropLast(): void {
    this.#length--;
    this.hashes.length = Math.min(this.hashes.length, Math.floor(this.#length / BLOCK_SIZE));
  }

  append(tokens: readonly number[]): void {
    const length = this.#length + tokens.length;
    if (length > this.#buffer.length) {
      const grown = new Uint32Array(Math.min(this.maxLength, Math.max(2 * this.#length, length)));
      grown.set(this.tokens);
      this.#buffer = grown;
    }
    this.#buffer.set(tokens, this.#length);
    this.#length = length;
  }
}

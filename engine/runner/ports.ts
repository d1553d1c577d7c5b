import type { AdapterWeights } from "../core/adapter_weights.ts";
import type { WeftError } from "../core/errors.ts";
import type { Mixture, TokenEvent } from "../core/generation.ts";

/** Where a runner's results go, and how it asks for what it lacks. */
export interface RunnerPorts {
  emit(id: string, event: TokenEvent): void;
  /** The request ended in an error; no event follows. */
  fail(id: string, error: WeftError): void;
  /** Answered by `Runner.adapterArrived` or `adapterFailed`; asked once per generation at a time. */
  requestAdapter(generation: string): void;
  /** Milliseconds from any fixed point. */
  now(): number;
}

/** The adapters on the GPU. */
export interface AdapterPool {
  has(generation: string): boolean;
  /**
   * Uploads what is given and pins everything named, or pins nothing and returns false: because what
   * is pinned leaves no room, or because a generation without given weights had to go (`has` tells).
   * Throws WeftError for adapters that can never be here together.
   */
  place(generations: readonly string[], weights: ReadonlyMap<string, AdapterWeights>): boolean;
  /** Undoes one `place` of the same. */
  release(generations: readonly string[]): void;
  /** Sets a batch row's mixture; every generation in it must be pinned. */
  setMixture(row: number, mixture: Mixture): void;
  /** The ranks of a mixture added up: what the row's shrink must compute, at most. */
  rankTotal(mixture: Mixture): number;
  stats(): { resident: string[]; pinned: string[]; loads: number; evictions: number };
  checkIntegrity(): void;
}

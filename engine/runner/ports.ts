import type { PartQuestion } from "../core/adapter_part.ts";
import type { AdapterHeader, AdapterModule } from "../core/adapter_weights.ts";
import type { WeftError } from "../core/errors.ts";
import type { Mixture, TokenEvent } from "../core/generation.ts";

/** Where a runner's results go, and how it asks for what it lacks. */
export interface RunnerPorts {
  emit(id: string, event: TokenEvent): void;
  /** The request ended in an error; no event follows. */
  fail(id: string, error: WeftError): void;
  /** A hold's generation is on the GPU, or never will be (and the hold is forgotten). */
  held(id: number, error: WeftError | null): void;
  /** Answered by `Runner.adapterArrived` or `adapterFailed`; nothing is asked twice at a time. */
  requestAdapter(question: PartQuestion): void;
  /**
   * The router chose this adapter and it is not on the GPU: answered by `Runner.classAcquired`, and its
   * weights are at hand from then on until `releaseClass`.
   */
  acquireClass(id: number, label: string): void;
  releaseClass(id: number): void;
  /** There is something to do in a step that no message told of. */
  wake(): void;
  /** Milliseconds from any fixed point. */
  now(): number;
}

/** The adapters on the GPU; LoraPool says what each of these does and throws. */
export interface AdapterPool {
  /** Whether it is here as a whole, and batch rows may use it. */
  has(generation: string): boolean;
  /** Its slot in the rows' mixtures; null unless it is here as a whole. */
  slotOf(generation: string): number | null;
  /** What is known of a generation that has a place or is held. */
  header(generation: string): AdapterHeader | undefined;
  /** Places and pins everything named, or nothing (false); `missing` tells what to write then. */
  place(generations: readonly string[], headers: ReadonlyMap<string, AdapterHeader>): boolean;
  /** Undoes one `place` of the same. */
  release(generations: readonly string[]): void;
  /** From now on it is held; throws `overloaded` where too much is. */
  hold(generation: string, header: AdapterHeader): void;
  unhold(generation: string): void;
  /** Places what is held; false while there is no room. */
  placeHeld(generation: string): boolean;
  /** The first module that a generation with a place lacks; null when it lacks none. */
  missing(generation: string): number | null;
  /** Writes the first missing module; throws when this adapter can never be whole. */
  write(generation: string, module: AdapterModule): void;
  /** Hands what was written to the device, which would keep it in host memory until the next step. */
  flush(): void;
  /** Takes the places of what is not whole and not wanted any more. */
  dropPartial(isWanted: (generation: string) => boolean): void;
  /** Sets a batch row's mixture; every generation in it must be whole and pinned. */
  setMixture(row: number, mixture: Mixture): void;
  /** The ranks of a mixture added up: what the row's shrink must compute, at most. */
  rankTotal(mixture: Mixture): number;
  stats(): {
    resident: string[];
    pinned: string[];
    held: string[];
    bytes: number;
    loads: number;
    evictions: number;
  };
  checkIntegrity(): void;
}

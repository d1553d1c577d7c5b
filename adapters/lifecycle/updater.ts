import { WeftError } from "../../engine/core/errors.ts";
import { adapterError } from "../reasons.ts";
import type { Clock } from "../clock.ts";
import { underSignals } from "../signals.ts";
import { type Content, meets, type Target } from "./content.ts";
import type { ContentLoader, Fetched } from "./content_loader.ts";
import type { Counters } from "./counters.ts";
import type { AdapterEntry } from "./entry.ts";
import type { OnAdapterEvent } from "./events.ts";
import type { NameChange, Names } from "./names.ts";
import { BadContent, errorOf, failureOf } from "./retry_policy.ts";
import type { Hold, PinHold, Tiers } from "./tiers.ts";

/** How long a name waits for its new content to be on the GPU. */
const MAX_WARMING_MS = 5000;

export interface UpdateOptions {
  target: Target;
  /** The version that is of no interest. */
  unless?: string;
  signal: AbortSignal;
  /** What else changes with the content. */
  change?: NameChange;
  /** Throws when the name may not be changed after all; runs in the very step that would change it. */
  refuse?(): void;
}

/** `moved`: meanwhile the name stands for something else, which was not asked about. */
export type UpdateResult =
  | { kind: "content"; hold: Hold }
  | { kind: "unchanged" }
  | { kind: "moved" };

export interface UpdaterOptions {
  loader: ContentLoader;
  names: Names;
  tiers: Tiers;
  counters: Counters;
  clock: Clock;
  onEvent: OnAdapterEvent;
}

/** Prepares a name's new content fully, then moves the name to it in one step. */
export class Updater {
  readonly #options: UpdaterOptions;

  constructor(options: UpdaterOptions) {
    this.#options = options;
  }

  /**
   * Brings a target's present content and moves the name to it.
   *
   * @throws What the origin, the content's check, the pin or `refuse` throws; nothing has changed then.
   */
  async update(entry: AdapterEntry, options: UpdateOptions): Promise<UpdateResult> {
    const earlier = entry.content;
    const fetched = await this.#options.loader.fetch(entry, options);
    if (fetched === null) return { kind: "unchanged" };
    return await this.take(entry, { ...fetched, earlier }, options);
  }

  /** Moves a name to content that is there. Takes over the hold, which is released unless it is in the result. */
  async take(
    entry: AdapterEntry,
    found: FoundContent,
    options: UpdateOptions,
  ): Promise<UpdateResult> {
    const { content, hold } = found;
    let isMoved = false;
    try {
      if (!meets(content, options.target.requiredSha256)) {
        throw new BadContent(content.version, mismatch(content, options.target));
      }
      isMoved = await this.#prepareAndMove(entry, found, options);
    } catch (error) {
      // The GPU can't take it: it will not when it is fetched again either.
      const isBad = error instanceof WeftError && error.code === "bad_adapter";
      const isConflict = error instanceof WeftError && error.code === "conflict";
      // What came is no good after all; a name that was taken first says nothing of it.
      if (!options.signal.aborted && !isConflict) this.#options.counters.failed(error);
      throw isBad ? new BadContent(content.version, error) : error;
    } finally {
      if (!isMoved) hold.release();
    }
    return isMoved ? { kind: "content", hold } : { kind: "moved" };
  }

  /**
   * Asks the origin of the name's present target, and moves the name if there is something new.
   *
   * @throws {WeftError} the remembered failure. What `signal` holds when it aborts.
   */
  async refresh(entry: AdapterEntry, signal: AbortSignal): Promise<void> {
    for (let isMoved = true; isMoved;) {
      const { target, targetFailure, content } = entry;
      const unless = targetFailure?.version ?? content?.version ?? undefined;
      try {
        const result = await this.update(entry, { target, unless, signal });
        if (result.kind === "content") result.hold.release();
        if (result.kind === "unchanged") this.unchanged(entry, unless);
        isMoved = result.kind === "moved";
      } catch (error) {
        signal.throwIfAborted();
        throw this.remember(entry, { error, target });
      }
    }
  }

  /** The origin still has the version `unless`. @throws {WeftError} when that is the one that was bad. */
  unchanged(entry: AdapterEntry, unless: string | undefined): void {
    const { targetFailure } = entry;
    if (targetFailure?.version !== undefined && targetFailure.version === unless) {
      throw new BadContent(unless, targetFailure.error);
    }
    entry.isStale = false;
    if (targetFailure) entry.failure = null;
  }

  /** Notes why an attempt failed; the error to answer with. */
  remember(entry: AdapterEntry, { error, target, isRetried = true }: Attempt): WeftError {
    const { clock, onEvent } = this.#options;
    const { name, failure: previous } = entry;
    const now = clock.now();
    const failure = failureOf(error, { name, target, previous, now, isRetried });
    entry.failure = failure;
    // What is bad was tried: the next try is due when the origin has something else.
    if (failure.version !== undefined && target === entry.target) entry.isStale = false;
    const { reason, code, message } = failure.error;
    if (previous?.error.message !== message) {
      const url = target.source.location;
      const { retryAt } = failure;
      onEvent({ kind: "failed", name, url, code: reason ?? code, message, retryAt });
    }
    return errorOf(failure, now);
  }

  async #prepareAndMove(
    entry: AdapterEntry,
    { content, hold, earlier }: FoundContent,
    options: UpdateOptions,
  ): Promise<boolean> {
    const { signal, change } = options;
    const { tiers } = this.#options;
    const isOther = content.generation !== earlier?.generation;
    const isPinned = change?.isPinned ?? entry.isPinned;
    // Where the earlier content serves, the name moves only to content that can serve at once.
    const isWarm = isOther && earlier !== null && tiers.memory.has(earlier.generation);
    if (hold.problem && (isWarm || isPinned)) throw hold.problem;
    let pin: PinHold | null = null;
    let warmth: { release(): void } | undefined;
    try {
      if (isPinned && entry.pin?.generation !== content.generation) {
        pin = await tiers.pin(hold, signal);
      } else if (isWarm && tiers.gpu?.has(earlier.generation)) {
        warmth = await this.#warm(content, signal);
      }
      signal.throwIfAborted();
      if (options.refuse) options.refuse();
      else if (entry.target !== options.target || entry.content !== earlier) return false;
      const staysPinned = change?.isPinned ?? entry.isPinned;
      const present = entry.pin?.generation === content.generation ? entry.pin : null;
      // Pinned while this was prepared.
      if (staysPinned && present === null && pin === null) return false;
      this.#move(entry, content, change);
      if (!staysPinned) entry.replacePin(null);
      else if (present === null) {
        entry.replacePin(pin);
        pin = null;
      }
      return true;
    } finally {
      pin?.release();
      warmth?.release();
    }
  }

  #move(entry: AdapterEntry, content: Content, change: NameChange | undefined): void {
    const { names, counters, onEvent } = this.#options;
    const { name, content: earlier } = entry;
    if (change || !isSame(earlier, content)) names.commit(entry, { ...change, content });
    entry.isStale = false;
    entry.failure = null;
    if (earlier === null || earlier.generation === content.generation) return;
    counters.swaps++;
    onEvent({ kind: "swapped", name, from: earlier.generation, to: content.generation });
  }

  /** Busy requests or pins may leave no room on the GPU; then the next requests bring it there. */
  async #warm({ generation }: Content, signal: AbortSignal) {
    const { clock, tiers: { gpu } } = this.#options;
    const late = new AbortController();
    const ended = new AbortController();
    clock.sleep(MAX_WARMING_MS, ended.signal).then(() => late.abort(), () => {});
    try {
      return await underSignals(
        [signal, late.signal],
        (signal) => gpu?.hold(generation, signal) ?? Promise.resolve(undefined),
      );
    } catch (error) {
      signal.throwIfAborted();
      const isFull = error instanceof WeftError && error.code === "overloaded";
      if (late.signal.aborted || isFull) return undefined;
      throw error;
    } finally {
      ended.abort();
    }
  }
}

interface FoundContent extends Fetched {
  /** What the name stood for before. */
  earlier: Content | null;
}

interface Attempt {
  error: unknown;
  target: Target;
  /** False where nothing tries again by itself. */
  isRetried?: boolean;
}

function isSame(a: Content | null, b: Content): boolean {
  return a !== null && a.generation === b.generation && a.version === b.version;
}

function mismatch({ generation, sha256 }: Content, { requiredSha256 }: Target): WeftError {
  return adapterError(
    "sha256_mismatch",
    `its tensors have the sha256 ${sha256}, the whole the generation ${generation}; ` +
      `required is ${requiredSha256}`,
  );
}

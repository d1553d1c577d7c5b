import { WeftError } from "../../engine/core/errors.ts";
import { adapterError } from "../reasons.ts";
import type { Clock } from "../clock.ts";
import { type Content, meets, type Target } from "./content.ts";
import type { ContentLoader, Fetched } from "./content_loader.ts";
import type { Counters } from "./counters.ts";
import type { AdapterEntry } from "./entry.ts";
import type { OnAdapterEvent } from "./events.ts";
import type { NameChange, Names } from "./names.ts";
import { BadContent, errorOf, failureOf } from "./retry_policy.ts";
import type { Hold, PinHold, Tiers } from "./tiers.ts";

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
    const { signal, target } = options;
    const fetched = await this.#options.loader.fetch(entry, options);
    if (fetched === null) return { kind: "unchanged" };
    try {
      if (!meets(fetched.content, target.requiredSha256)) {
        throw new BadContent(fetched.content.version!, mismatch(fetched.content, target));
      }
      if (!await this.#move(entry, fetched, { ...options, signal })) {
        fetched.hold.release();
        return { kind: "moved" };
      }
      return { kind: "content", hold: fetched.hold };
    } catch (error) {
      fetched.hold.release();
      throw error;
    }
  }

  /**
   * Asks the origin of the name's present target, and moves the name if there is something new.
   *
   * @throws {WeftError} the remembered failure. What `signal` holds when it aborts.
   */
  async refresh(entry: AdapterEntry, signal: AbortSignal): Promise<void> {
    const { target, targetFailure, content } = entry;
    const unless = targetFailure?.version ?? content?.version ?? undefined;
    try {
      const result = await this.update(entry, { target, unless, signal });
      if (result.kind === "content") result.hold.release();
      if (result.kind === "unchanged") this.unchanged(entry, unless);
    } catch (error) {
      signal.throwIfAborted();
      throw this.remember(entry, { error, target });
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
  remember(
    entry: AdapterEntry,
    { error, target }: { error: unknown; target: Target },
  ): WeftError {
    const { clock, onEvent } = this.#options;
    const { name } = entry;
    const now = clock.now();
    const previous = entry.failure;
    const failure = failureOf(error, { name, target, previous, now });
    entry.failure = failure;
    // What is bad was tried: the next try is due when the origin has something else.
    if (failure.version !== undefined && target === entry.target) entry.isStale = false;
    if (previous?.error !== failure.error) {
      const { reason, code, message } = failure.error;
      const url = target.source.location;
      const { retryAt } = failure;
      onEvent({ kind: "failed", name, url, code: reason ?? code, message, retryAt });
    }
    return errorOf(failure, now);
  }

  async #move(entry: AdapterEntry, fetched: Fetched, options: UpdateOptions): Promise<boolean> {
    const { content, hold } = fetched;
    const { signal, change, refuse, target } = options;
    const { names, tiers } = this.#options;
    const earlier = entry.content;
    const started = entry.target;
    const isPinned = change?.isPinned ?? entry.isPinned;
    const isOther = content.generation !== earlier?.generation;
    // Where the earlier content serves, the name moves only to content that can serve at once.
    const isWarm = isOther && earlier !== null && tiers.memory.has(earlier.generation);
    if (hold.problem && (isWarm || isPinned)) throw hold.problem;
    let pin: PinHold | undefined;
    let warmth: { release(): void } | undefined;
    try {
      if (isPinned && entry.pin?.generation !== content.generation) {
        pin = await tiers.pin(hold, signal);
      } else if (isOther && earlier && tiers.gpu?.has(earlier.generation) && !hold.problem) {
        warmth = await this.#warm(content, signal);
      }
      signal.throwIfAborted();
      if (refuse) refuse();
      else if (entry.target !== started || started !== target) return false;
      const now = entry.content;
      if (isSame(now, content) && !change) {
        this.#settled(entry);
        return true;
      }
      names.commit(entry, { ...change, content });
      this.#settled(entry);
      if (now && now.generation !== content.generation) this.#swapped(entry, now, content);
      if (pin) [entry.pin, pin] = [pin, entry.pin ?? undefined];
      return true;
    } finally {
      pin?.release();
      warmth?.release();
    }
  }

  /** The GPU may be full of what is pinned; then requests bring it there, or not. */
  async #warm({ generation }: Content, signal: AbortSignal) {
    try {
      return await this.#options.tiers.gpu?.hold(generation, signal);
    } catch (error) {
      if (error instanceof WeftError && error.code === "overloaded") return undefined;
      throw error;
    }
  }

  #settled(entry: AdapterEntry): void {
    entry.isStale = false;
    entry.failure = null;
  }

  #swapped({ name }: AdapterEntry, from: Content, to: Content): void {
    this.#options.counters.swaps++;
    this.#options.onEvent({ kind: "swapped", name, from: from.generation, to: to.generation });
  }
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

import type { Clock } from "../clock.ts";
import { underSignals, waitUnder } from "../signals.ts";
import { SingleFlight } from "../single_flight.ts";
import type { AdapterLevel } from "../types.ts";
import type { Content } from "./content.ts";
import type { ContentLoader } from "./content_loader.ts";
import { type AdapterEntry, unknownAdapter } from "./entry.ts";
import { errorOf } from "./retry_policy.ts";
import type { Hold, Tiers } from "./tiers.ts";
import type { Updater } from "./updater.ts";

/** A name's content in memory, held. */
export interface Found {
  hold: Hold;
  /** Where it was. */
  level: AdapterLevel;
}

export interface ResolverOptions {
  loader: ContentLoader;
  updater: Updater;
  tiers: Tiers;
  clock: Clock;
  /** Aborts when the store closes. */
  closing: AbortSignal;
}

/** Finds what a name stands for, from whichever tier has it, for those who want to use it. */
export class Resolver {
  readonly #loader: ContentLoader;
  readonly #updater: Updater;
  readonly #tiers: Tiers;
  readonly #clock: Clock;
  readonly #closing: AbortSignal;
  readonly #flights = new SingleFlight<Found>(({ hold }) => hold.release());
  readonly #keys = new WeakMap<AdapterEntry, string>();
  #lastKey = 0;

  constructor({ loader, updater, tiers, clock, closing }: ResolverOptions) {
    this.#loader = loader;
    this.#updater = updater;
    this.#tiers = tiers;
    this.#clock = clock;
    this.#closing = closing;
  }

  /**
   * The present content, brought into memory if need be; where newer content can't be had, the latest good one.
   *
   * @throws {WeftError} `adapter_not_found` once the name is removed; why its content can't be had otherwise.
   *   What `signal` holds when it aborts.
   */
  async find(entry: AdapterEntry, signal?: AbortSignal): Promise<Found> {
    for (;;) {
      signal?.throwIfAborted();
      this.#closing.throwIfAborted();
      entry.gone.throwIfAborted();
      // Remote content that is in memory serves without a look at its origin.
      const ready = entry.target.source.isLocal ? null : this.#ready(entry.content);
      if (ready) return ready;
      const found = await this.#flights.run(this.#keyOf(entry), {
        signal,
        task: (signal) =>
          underSignals(
            [signal, entry.gone, this.#closing],
            (signal) => this.#resolve(entry, signal),
          ),
        // The name may have moved since: whoever asked after that must not get what was before.
        take: ({ hold, level }) =>
          hold.generation === entry.content?.generation ? { hold: hold.again(), level } : null,
      });
      if (found) return found;
    }
  }

  get isIdle(): boolean {
    return this.#flights.size === 0;
  }

  async #resolve(entry: AdapterEntry, signal: AbortSignal): Promise<Found> {
    for (let hasWaited = false;;) {
      signal.throwIfAborted();
      if (entry.content === null && entry.put) {
        await waitUnder(entry.put.ended, signal);
        hasWaited = true;
        continue;
      }
      if (!entry.isCommitted) {
        throw entry.failure?.error ?? unknownAdapter(entry.name);
      }
      const found = entry.target.source.isLocal
        ? await this.#look(entry, signal)
        : await this.#climb(entry, signal);
      if (found === null) continue;
      // It had to be fetched, though by another's order.
      if (hasWaited) found.level = "origin";
      if (found.hold.problem === undefined) return found;
      found.hold.release();
      throw found.hold.problem;
    }
  }

  /** Files of this machine are looked at each time. Null: the name moved meanwhile. */
  async #look(entry: AdapterEntry, signal: AbortSignal): Promise<Found | null> {
    const { target, targetFailure, content } = entry;
    // Not held meanwhile: where there is no room for both, the new content takes its place.
    const isReady = content !== null && this.#tiers.memory.has(content.generation);
    const unless = targetFailure?.version ?? (isReady ? content.version : null) ?? undefined;
    try {
      const result = await this.#updater.update(entry, { target, unless, signal });
      if (result.kind === "content") return { hold: result.hold, level: "origin" };
      if (result.kind === "unchanged") this.#updater.unchanged(entry, unless);
      return result.kind === "unchanged" ? this.#ready(content) : null;
    } catch (error) {
      signal.throwIfAborted();
      const answer = this.#updater.remember(entry, { error, target });
      const ready = this.#ready(content);
      if (ready) return ready;
      throw answer;
    }
  }

  /** Memory, disk, origin. Null: what was found out calls for another try. */
  async #climb(entry: AdapterEntry, signal: AbortSignal): Promise<Found | null> {
    const { content } = entry;
    const ready = this.#ready(content);
    if (ready) return ready;
    if (content && !entry.isStale) {
      const hold = await this.#fromDisk(entry, { content, signal });
      if (hold) return { hold, level: "disk" };
      if (entry.content !== content) return null;
    }
    return await this.#fromOrigin(entry, signal);
  }

  async #fromOrigin(entry: AdapterEntry, signal: AbortSignal): Promise<Found | null> {
    const { content } = entry;
    const answer = this.#rememberedError(entry) ?? await this.#ask(entry, signal);
    if (!(answer instanceof Error)) return answer;
    const hold = content && await this.#fromDisk(entry, { content, signal });
    if (hold) return { hold, level: "disk" };
    throw answer;
  }

  /** While a failure is fresh, it is the answer. */
  #rememberedError({ targetFailure }: AdapterEntry): Error | null {
    const now = this.#clock.now();
    if (targetFailure === null || targetFailure.retryAt === null) return null;
    const { at, retryAt } = targetFailure;
    // A clock that was set back must not make it last.
    return at <= now && now < retryAt ? errorOf(targetFailure, now) : null;
  }

  /** Why the origin has nothing good; null as in #climb. */
  async #ask(entry: AdapterEntry, signal: AbortSignal): Promise<Found | Error | null> {
    const { target, targetFailure, content } = entry;
    const isAtHand = content !== null && this.#tiers.levelOf(content.generation) !== "origin";
    const unless = targetFailure?.version ?? (isAtHand ? content.version : null) ?? undefined;
    try {
      const result = await this.#updater.update(entry, { target, unless, signal });
      if (result.kind === "content") return { hold: result.hold, level: "origin" };
      if (result.kind === "unchanged") this.#updater.unchanged(entry, unless);
      return null;
    } catch (error) {
      signal.throwIfAborted();
      return this.#updater.remember(entry, { error, target });
    }
  }

  async #fromDisk(
    entry: AdapterEntry,
    { content, signal }: { content: Content; signal: AbortSignal },
  ): Promise<Hold | null> {
    const { target } = entry;
    try {
      const hold = await this.#loader.fromDisk(content, signal);
      if (hold && entry.targetFailure?.retryAt === null) entry.failure = null;
      return hold;
    } catch (error) {
      signal.throwIfAborted();
      throw this.#updater.remember(entry, { error, target, isRetried: false });
    }
  }

  #ready(content: Content | null): Found | null {
    if (content === null) return null;
    const level = this.#tiers.levelOf(content.generation);
    const hold = this.#tiers.hold(content.generation);
    return hold ? { hold, level: level === "gpu" ? "gpu" : "ram" } : null;
  }

  /** A name that was deleted and put again is another one. */
  #keyOf(entry: AdapterEntry): string {
    const key = this.#keys.get(entry) ?? String(++this.#lastKey);
    this.#keys.set(entry, key);
    return key;
  }
}

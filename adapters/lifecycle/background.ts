import type { Clock } from "../clock.ts";
import { Limiter } from "../limiter.ts";
import { underSignals } from "../signals.ts";
import { messageOf, WeftError } from "../../engine/core/errors.ts";
import { hostOf } from "./content.ts";
import type { AdapterEntry } from "./entry.ts";
import type { OnAdapterEvent } from "./events.ts";
import type { Pins } from "./pins.ts";
import { retryDelayMs } from "./retry_policy.ts";
import type { Tiers } from "./tiers.ts";
import type { Updater } from "./updater.ts";

/** So that requests' own fetches find room beside them. */
const CONCURRENT_RENEWALS = 2;
const CONCURRENT_CHECKS = 1;

export interface BackgroundOptions {
  tiers: Tiers;
  updater: Updater;
  pins: Pins;
  clock: Clock;
  onEvent: OnAdapterEvent;
  closing: AbortSignal;
}

/** What happens without a request: names that should be warm are brought up to date, again and again if need be. */
export class Background {
  readonly #options: BackgroundOptions;
  readonly #renewing = new Limiter(CONCURRENT_RENEWALS);
  /** Apart, so that a pin waits for no round of thousands of names. */
  readonly #checking = new Limiter(CONCURRENT_CHECKS);
  readonly #tasks = new Set<Promise<void>>();
  readonly #kept = new Set<AdapterEntry>();

  constructor(options: BackgroundOptions) {
    this.#options = options;
  }

  /** Runs until it ends or the store closes. It reports its own failures. */
  start(task: (signal: AbortSignal) => Promise<void>): void {
    const { closing } = this.#options;
    const running = task(closing).catch((error) => {
      if (!closing.aborted) throw error;
    }).finally(() => this.#tasks.delete(running));
    this.#tasks.add(running);
  }

  /** Ends once all tasks have, after `closing` aborted. */
  async ended(): Promise<void> {
    while (this.#tasks.size > 0) await Promise.all(this.#tasks);
  }

  /** Sees to a name: one that is pinned is brought to every tier; warm content that is out of date is renewed. */
  keep(entry: AdapterEntry): void {
    if (this.#kept.has(entry) || !this.#hasWork(entry)) return;
    this.#kept.add(entry);
    this.start(async (closing) => {
      try {
        await underSignals([closing, entry.gone], (signal) => this.#keep(entry, signal));
      } catch (error) {
        if (!entry.isGone) throw error;
      } finally {
        this.#kept.delete(entry);
      }
    });
  }

  /** Asks the origins of these names whether they have something new. */
  async revalidate(entries: readonly AdapterEntry[], signal: AbortSignal): Promise<void> {
    await Promise.all(
      entries.map((entry) =>
        this.#try(() => this.#refresh(entry, signal), { entry, limiter: this.#checking, signal })
      ),
    );
  }

  async #keep(entry: AdapterEntry, signal: AbortSignal): Promise<void> {
    for (let attempts = 1; this.#hasWork(entry);) {
      const turn = { entry, limiter: this.#renewing, signal };
      if (await this.#try(() => this.#work(entry, signal), turn)) continue;
      await this.#options.clock.sleep(retryDelayMs(attempts++), signal);
    }
  }

  #hasWork(entry: AdapterEntry): boolean {
    if (entry.isGone || !entry.isCommitted) return false;
    if (entry.isPinned && entry.pin === null) return true;
    const level = this.#options.tiers.levelOf(entry.content?.generation ?? null);
    return entry.isStale && (level === "gpu" || level === "ram");
  }

  async #work(entry: AdapterEntry, signal: AbortSignal): Promise<void> {
    if (!entry.isPinned || entry.pin) return await this.#refresh(entry, signal);
    const { pins, onEvent } = this.#options;
    try {
      await pins.restore(entry, signal);
    } catch (error) {
      signal.throwIfAborted();
      const code = error instanceof WeftError ? error.reason ?? error.code : "internal";
      const message = `Cannot pin adapter ${JSON.stringify(entry.name)}: ${messageOf(error)}`;
      const url = entry.target.source.location;
      onEvent({ kind: "failed", name: entry.name, url, code, message, retryAt: null });
      throw error;
    }
  }

  #refresh(entry: AdapterEntry, signal: AbortSignal): Promise<void> {
    return underSignals(
      [signal, entry.gone],
      (signal) => this.#options.updater.refresh(entry, signal),
    );
  }

  /** False when it failed; its status says why. @throws What `signal` holds when it aborts. */
  async #try(task: () => Promise<void>, { entry, limiter, signal }: Turn): Promise<boolean> {
    try {
      await limiter.run(task, { signal, share: hostOf(entry.target) });
      return true;
    } catch {
      signal.throwIfAborted();
      return false;
    }
  }
}

interface Turn {
  entry: AdapterEntry;
  limiter: Limiter;
  signal: AbortSignal;
}

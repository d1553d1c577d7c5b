import { messageOf, WeftError } from "../../engine/core/errors.ts";
import type { Clock } from "../clock.ts";
import { Limiter } from "../limiter.ts";
import type { AdapterCatalogue, WatchedObject } from "../origin.ts";
import { ManifestWatcher } from "../registry/mod.ts";
import type { Background } from "./background.ts";
import type { CatalogueSync } from "./catalogue_sync.ts";
import type { AdapterEntry } from "./entry.ts";
import type { OnAdapterEvent } from "./events.ts";
import type { ManifestSync } from "./manifest_sync.ts";
import type { NameRegistry } from "./ports.ts";
import { retryDelayMs } from "./retry_policy.ts";

/** Where no interval is set, a manifest that can't be read is tried again all the same. */
const MANIFEST_INTERVAL_MS = 60_000;

export interface ScheduleOptions {
  catalogues: readonly AdapterCatalogue[];
  sync: CatalogueSync;
  manifest?: { object: WatchedObject; sync: ManifestSync };
  background: Background;
  registry?: NameRegistry;
  clock: Clock;
  /** Between two looks at a place; absent: one look, and on demand. */
  refreshMs?: number;
  /** How long the start waits for places that were never listed. */
  firstListingMs: number;
  /** Those whose origins are to be asked whether they have something new. */
  used(): AdapterEntry[];
  onEvent: OnAdapterEvent;
}

/** When catalogues, the manifest and used names are looked at again. Nothing of it blocks requests. */
export class Schedule {
  readonly #options: ScheduleOptions;
  /** A place is listed by one at a time, so that an older listing never follows a newer one. */
  readonly #turns: Map<AdapterCatalogue, Limiter>;
  readonly #watcher?: ManifestWatcher;
  readonly #firstManifest = Promise.withResolvers<void>();

  constructor(options: ScheduleOptions) {
    this.#options = options;
    this.#turns = new Map(options.catalogues.map((catalogue) => [catalogue, new Limiter(1)]));
    if (options.manifest) this.#watcher = this.#watch(options.manifest);
  }

  /**
   * Lists what is on this machine, begins to list the rest, and waits a while for what was never listed before,
   * unless it refuses.
   *
   * @throws {WeftError} when a local catalogue can't be read.
   */
  async start(signal: AbortSignal): Promise<void> {
    const { catalogues, background, clock, refreshMs, firstListingMs } = this.#options;
    for (const catalogue of catalogues.filter(({ isLocal }) => isLocal)) {
      await this.#list(catalogue, signal);
    }
    const first: Promise<void>[] = [];
    for (const catalogue of catalogues) {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (!catalogue.isLocal && !this.#wasListed(catalogue.location)) first.push(promise);
      background.start((signal) => this.#repeat(catalogue, { signal, onAnswer: resolve }));
    }
    if (this.#watcher) {
      this.#watcher.start();
      if (!this.#wasListed(this.#manifestPlace())) first.push(this.#firstManifest.promise);
    }
    if (refreshMs !== undefined) background.start((signal) => this.#revalidate(refreshMs, signal));
    if (first.length === 0) return;
    const done = new AbortController();
    const waited = clock.sleep(firstListingMs, AbortSignal.any([signal, done.signal]));
    await Promise.race([Promise.all(first), waited]).finally(() => done.abort());
    await waited.catch(() => {});
  }

  /** Looks at every place now. @throws {WeftError} the first failure, once all were looked at. */
  async lookNow(signal: AbortSignal): Promise<void> {
    const looks = this.#options.catalogues.map((catalogue) => this.#list(catalogue, signal));
    if (this.#watcher) looks.push(this.#watcher.poll(signal));
    const results = await Promise.allSettled(looks);
    const failed = results.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
  }

  async stop(): Promise<void> {
    await this.#watcher?.stop();
  }

  #watch({ object, sync }: { object: WatchedObject; sync: ManifestSync }): ManifestWatcher {
    const { clock, refreshMs = MANIFEST_INTERVAL_MS } = this.#options;
    return new ManifestWatcher({
      object,
      intervalMs: refreshMs,
      sleep: (ms, signal) => clock.sleep(ms, signal),
      apply: (manifest) => {
        sync.apply(manifest);
        this.#noteListed(object.location);
        this.#firstManifest.resolve();
        return Promise.resolve();
      },
      onError: (error) => {
        this.#failed(object.location, { error, retryAt: null });
        if (isRefusal(error)) this.#firstManifest.resolve();
      },
    });
  }

  #manifestPlace(): string {
    return this.#options.manifest?.object.location ?? "";
  }

  #list(catalogue: AdapterCatalogue, signal: AbortSignal): Promise<void> {
    const turn = this.#turns.get(catalogue)!;
    return turn.run(async () => {
      await this.#options.sync.sync(catalogue, signal);
      this.#noteListed(catalogue.location);
    }, { signal });
  }

  async #repeat(
    catalogue: AdapterCatalogue,
    { signal, onAnswer }: { signal: AbortSignal; onAnswer: () => void },
  ): Promise<void> {
    const { clock, refreshMs } = this.#options;
    let isDue = !catalogue.isLocal;
    for (let failures = 0;;) {
      let delay = refreshMs;
      try {
        if (isDue) await this.#list(catalogue, signal);
        onAnswer();
        failures = 0;
      } catch (error) {
        signal.throwIfAborted();
        delay = Math.min(retryDelayMs(++failures), refreshMs ?? Infinity);
        const retryAt = clock.now() + Math.round(delay);
        this.#failed(catalogue.location, { error, retryAt });
        // Time alone mends no credentials: the start has nothing to wait for.
        if (isRefusal(error)) onAnswer();
      }
      if (delay === undefined) return;
      isDue = true;
      await clock.sleep(failures === 0 ? spread(delay) : delay, signal);
    }
  }

  async #revalidate(refreshMs: number, signal: AbortSignal): Promise<void> {
    const { clock, background, used } = this.#options;
    for (;;) {
      await clock.sleep(spread(refreshMs), signal);
      const entries = used();
      for (const entry of entries) entry.isUsed = false;
      await background.revalidate(entries, signal);
    }
  }

  #failed(place: string, { error, retryAt }: { error: unknown; retryAt: number | null }): void {
    const code = error instanceof WeftError ? error.reason ?? error.code : "internal";
    const message = messageOf(error);
    this.#options.onEvent({ kind: "listing_failed", place, code, message, retryAt });
  }

  #wasListed(place: string): boolean {
    return (this.#options.registry?.setting(listedKey(place)) ?? null) !== null;
  }

  #noteListed(place: string): void {
    if (this.#wasListed(place)) return;
    const { registry, clock } = this.#options;
    registry?.setSetting(listedKey(place), new Date(clock.now()).toISOString());
  }
}

function listedKey(place: string): string {
  return `first listed ${place}`;
}

/** The place was reached and says no, or nonsense. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof WeftError)) return false;
  const { reason, code } = error;
  return reason === "origin_unauthorized" || reason === "origin_not_found" ||
    code === "invalid_request";
}

/** A tenth more or less, so that a fleet does not ask in step. */
function spread(ms: number): number {
  return ms * (0.9 + 0.2 * Math.random());
}

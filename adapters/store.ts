import type { AdapterWeights } from "../engine/core/adapter_weights.ts";
import { WeftError } from "../engine/core/errors.ts";
import type { ModelConfig } from "../engine/core/model_config.ts";
import { type Clock, systemClock } from "./clock.ts";
import { Background } from "./lifecycle/background.ts";
import { CatalogueSync } from "./lifecycle/catalogue_sync.ts";
import { ContentLoader } from "./lifecycle/content_loader.ts";
import { Counters } from "./lifecycle/counters.ts";
import { type AdapterEntry, describeEntry, stateOf, unknownAdapter } from "./lifecycle/entry.ts";
import type { OnAdapterEvent } from "./lifecycle/events.ts";
import { Leases } from "./lifecycle/leases.ts";
import { ManifestSync } from "./lifecycle/manifest_sync.ts";
import { Names } from "./lifecycle/names.ts";
import { Pins } from "./lifecycle/pins.ts";
import type { DiskTier, NameRegistry } from "./lifecycle/ports.ts";
import { Puts } from "./lifecycle/puts.ts";
import { Resolver } from "./lifecycle/resolver.ts";
import { restoreNames } from "./lifecycle/restore.ts";
import { Schedule } from "./lifecycle/schedule.ts";
import { Tiers } from "./lifecycle/tiers.ts";
import { UnnamedAdapters } from "./lifecycle/unnamed.ts";
import { Updater } from "./lifecycle/updater.ts";
import { AdapterMemory } from "./memory.ts";
import type { AdapterCatalogue, Origins, WatchedObject } from "./origin.ts";
import { adapterError } from "./reasons.ts";
import { underSignals, waitUnder } from "./signals.ts";
import type {
  AdapterInfo,
  AdapterLease,
  AdapterLevel,
  AdapterStoreStats,
  GpuTier,
  PutOptions,
} from "./types.ts";

export interface AdapterStoreOptions {
  /** The base that every adapter must fit. */
  model: ModelConfig;
  /** The largest rank a module may have. */
  maxRank: number;
  /** Host memory for adapters' tensors. */
  maxBytes: number;
  /** Opens URLs. */
  origins: Origins;
  /** Where adapters are found; the first that lists a name has it. */
  catalogues?: readonly AdapterCatalogue[];
  /** The fleet's manifest: with it, names are registered and deleted there alone. */
  manifest?: WatchedObject;
  /** Without it, only directories on this machine can be adapters. */
  disk?: DiskTier;
  /** Without it, names are forgotten when the process ends. */
  registry?: NameRegistry;
  gpu?: GpuTier;
  /** Names that mean something else: the base's, the router's. */
  reservedNames?: readonly string[];
  /** Adapters fetched from origins at the same time; 4 unless told. */
  maxConcurrentFetches?: number;
  /** Adapters read from this machine's disks, or checked, at the same time; 2 unless told. */
  maxConcurrentLoads?: number;
  /** Between two looks at catalogues, manifest and used names' origins; only on demand unless told. */
  refreshMs?: number;
  /** How long opening waits for places that were never listed before; 10 s unless told. */
  firstListingMs?: number;
  clock?: Clock;
  /** For logs. Must not throw. */
  onEvent?: OnAdapterEvent;
}

/**
 * The adapters by name. A name stands for one generation of content and moves to another in one step; requests lease
 * generations and keep theirs. Content is fetched when it is first needed, and kept on disk and in memory.
 */
export class AdapterStore {
  readonly #closing = new AbortController();
  readonly #counters = new Counters();
  readonly #leases = new Leases();
  readonly #tiers: Tiers;
  readonly #names: Names;
  readonly #unnamed: UnnamedAdapters;
  readonly #loader: ContentLoader;
  readonly #updater: Updater;
  readonly #resolver: Resolver;
  readonly #pins: Pins;
  readonly #puts: Puts;
  readonly #background: Background;
  readonly #schedule: Schedule;
  readonly #isManaged: boolean;
  readonly #onEvent: OnAdapterEvent;

  private constructor(options: AdapterStoreOptions) {
    const { origins, registry, disk, gpu, clock = systemClock, onEvent = () => {} } = options;
    const reservedNames = new Set(options.reservedNames);
    const closing = this.#closing.signal;
    const counters = this.#counters;
    const memory = new AdapterMemory(options.maxBytes);
    const tiers = new Tiers({ memory, disk, gpu, onEvent });
    const names = new Names(tiers, registry);
    const loader = new ContentLoader({
      maxConcurrentFetches: 4,
      maxConcurrentLoads: 2,
      ...options,
      tiers,
      counters,
      clock,
      onEvent,
    });
    const updater = new Updater({ loader, names, tiers, counters, clock, onEvent });
    const resolver = new Resolver({ loader, updater, tiers, clock, closing });
    const pins = new Pins({ names, tiers, resolver });
    const background = new Background({ tiers, updater, pins, clock, onEvent, closing });
    this.#tiers = tiers;
    this.#names = names;
    this.#loader = loader;
    this.#updater = updater;
    this.#resolver = resolver;
    this.#pins = pins;
    this.#background = background;
    this.#onEvent = onEvent;
    this.#isManaged = options.manifest !== undefined;
    this.#unnamed = new UnnamedAdapters(origins, tiers);
    this.#puts = new Puts({ names, tiers, loader, updater, origins, reservedNames, closing });
    const syncing = { names, background, clock, reservedNames, onEvent };
    this.#schedule = new Schedule({
      catalogues: options.catalogues ?? [],
      sync: new CatalogueSync(syncing),
      manifest: options.manifest && {
        object: options.manifest,
        sync: new ManifestSync({ ...syncing, origins, location: options.manifest.location }),
      },
      background,
      registry,
      clock,
      refreshMs: options.refreshMs,
      firstListingMs: options.firstListingMs ?? 10_000,
      used: () => this.#usedElsewhere(),
      onEvent,
    });
  }

  /**
   * Takes up what the registry and the disk hold, and finds the adapters. Places that can't be reached stop nothing.
   *
   * @throws {WeftError} when a directory that is a catalogue can't be read.
   */
  static async open(options: AdapterStoreOptions): Promise<AdapterStore> {
    const store = new AdapterStore(options);
    try {
      await store.#start(options);
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  /** All adapters, by name. */
  list(): AdapterInfo[] {
    return this.#names.all().map((entry) => this.#describe(entry))
      .sort((a, b) => a.name < b.name ? -1 : 1);
  }

  get(name: string): AdapterInfo | undefined {
    const entry = this.#names.get(name);
    return entry && this.#describe(entry);
  }

  /**
   * Leases what the name stands for, fetched first if need be. Where newer content can't be had, the latest good
   * one serves.
   *
   * @throws {WeftError} `adapter_not_found`, or why there is nothing good. What `signal` holds when it aborts.
   */
  async acquire(name: string, signal?: AbortSignal): Promise<AdapterLease> {
    return await this.#lease(this.#entryOf(name), signal);
  }

  /** The same for the adapter at a URL. @throws {WeftError} also when the URL is not allowed. */
  async acquireUrl(url: string, signal?: AbortSignal): Promise<AdapterLease> {
    return await this.#lease(this.#unnamed.get(url), signal);
  }

  /**
   * Registers a name or points it elsewhere: `done` resolves once its content is there and it moved. It goes on
   * whether or not anyone waits, until `signal` aborts.
   *
   * @throws {WeftError} at once what can be told without the origin: `bad_name`, `bad_url`, `host_not_allowed` and
   *   the like, `name_taken`, `generation_conflict`, `managed_by_manifest`.
   */
  startPut(name: string, options: PutOptions): { done: Promise<AdapterInfo> } {
    this.#closing.signal.throwIfAborted();
    this.#refuseManaged(name);
    const { done } = this.#puts.start(name, options);
    const described = done.then((entry) => this.#describe(entry));
    described.catch(() => {});
    return { done: described };
  }

  /**
   * Takes a name away: requests for it find nothing from now on, its content goes when the last lease ends.
   *
   * @throws {WeftError} `adapter_not_found`, `managed_by_manifest`.
   */
  delete(name: string): void {
    this.#refuseManaged(name);
    const entry = this.#entryOf(name);
    const generation = entry.content?.generation ?? null;
    this.#names.remove(entry, {
      keepTombstone: true,
      beforeGone: () => this.#puts.interrupt(entry),
    });
    this.#onEvent({ kind: "removed", name, generation });
  }

  /** Brings a name's content to every tier and keeps it there. @throws {WeftError} as `acquire`. */
  async pin(name: string): Promise<AdapterInfo> {
    const entry = this.#entryOf(name);
    await underSignals(
      [entry.gone, this.#closing.signal],
      (signal) => this.#pins.pin(entry, signal),
    );
    return this.#describe(entry);
  }

  unpin(name: string): AdapterInfo {
    const entry = this.#entryOf(name);
    this.#pins.unpin(entry);
    return this.#describe(entry);
  }

  /** Asks a name's origin now, and moves the name if there is something new. @throws {WeftError} why it can't. */
  async refresh(name: string, signal?: AbortSignal): Promise<AdapterInfo> {
    const entry = this.#entryOf(name);
    await underSignals([signal, entry.gone, this.#closing.signal], async (signal) => {
      while (entry.put) await waitUnder(entry.put.ended, signal);
      if (!entry.isCommitted) throw entry.failure?.error ?? unknownAdapter(name);
      await this.#updater.refresh(entry, signal);
    });
    return this.#describe(entry);
  }

  /** Looks at the catalogues and the manifest now. @throws {WeftError} why one of them can't be read. */
  async refreshCatalogues(signal?: AbortSignal): Promise<void> {
    await underSignals(
      [signal, this.#closing.signal],
      (signal) => this.#schedule.lookNow(signal),
    );
  }

  /**
   * The tensors of a generation, for the engine. Certain to work while a lease holds the generation.
   *
   * @throws {WeftError} `unavailable` when it is no longer in memory.
   */
  weightsOf(generation: string): Promise<AdapterWeights> {
    const resident = this.#tiers.memory.get(generation);
    if (resident !== undefined) return Promise.resolve(resident.weights);
    return Promise.reject(
      new WeftError("unavailable", `Adapter generation ${generation} is no longer in memory`),
    );
  }

  stats(): AdapterStoreStats {
    const entries = this.#names.all();
    const states = entries.map(stateOf);
    const levels: Record<AdapterLevel, number> = { gpu: 0, ram: 0, disk: 0, origin: 0 };
    for (const entry of entries) levels[this.#levelOf(entry)]++;
    const { fetches, fetchedBytes, revalidations, swaps } = this.#counters;
    return {
      registered: entries.length,
      ready: entries.filter(({ content }) => content !== null).length,
      failed: states.filter((state) => state === "failed").length,
      leases: this.#leases.count,
      levels,
      ...this.#tiers.stats(this.#counters),
      fetches,
      fetchedBytes,
      revalidations,
      failures: this.#counters.failures(),
      swaps,
    };
  }

  /** @throws {Error} when the books on memory, references and leases do not balance. */
  checkIntegrity(): void {
    const entries = [...this.#names.all(), ...this.#unnamed.all()];
    this.#tiers.checkIntegrity({
      referrers: [
        ...entries.flatMap(({ content, pin }) => [content, pin]).filter((it) => it !== null)
          .map(({ generation }) => generation),
        ...this.#leases.generations(),
      ],
      // Work under way refers to what it brings.
      isIdle: this.#resolver.isIdle && this.#loader.isIdle && this.#pins.isIdle &&
        entries.every(({ put, reads, waiting }) => put === null && reads === 0 && waiting === 0),
    });
  }

  /** Ends what is under way and the timers. The disk cache and the registry stay open: they are their owner's. */
  async close(): Promise<void> {
    this.#closing.abort(new WeftError("unavailable", "the server is stopping"));
    await this.#schedule.stop();
    await this.#background.ended();
    const entries = this.#names.all();
    await Promise.all(entries.map(({ put }) => put?.ended));
    await this.#loader.settled();
    for (const entry of entries) entry.replacePin(null);
    await this.#tiers.settled();
  }

  async #start(
    { registry, origins, catalogues = [], manifest }: AdapterStoreOptions,
  ): Promise<void> {
    const places = new Set(catalogues.map(({ location }) => location));
    const hasManifest = manifest !== undefined;
    const names = this.#names;
    if (registry) {
      restoreNames({ registry, names, tiers: this.#tiers, origins, places, hasManifest });
    }
    this.#tiers.removeOrphans();
    await this.#schedule.start(this.#closing.signal);
    for (const entry of names.all()) this.#background.keep(entry);
  }

  async #lease(entry: AdapterEntry, signal?: AbortSignal): Promise<AdapterLease> {
    entry.isUsed = true;
    entry.waiting++;
    try {
      const found = await this.#resolver.find(entry, signal);
      // Newer content wasn't to be had at once.
      if (entry.isStale) this.#background.keep(entry);
      const isHit = found.level === "gpu" || found.level === "ram";
      if (isHit) this.#counters.memoryHits++;
      else this.#counters.memoryMisses++;
      return this.#leases.make(entry.name, found);
    } finally {
      entry.waiting--;
    }
  }

  /** Names whose origins nothing else asks, and that were used since they were asked last. */
  #usedElsewhere(): AdapterEntry[] {
    const isAskedElsewhere = ({ owner, isListedWithVersion, target }: AdapterEntry) =>
      target.source.isLocal || owner === "catalogue" && isListedWithVersion;
    return [...this.#names.all(), ...this.#unnamed.all()]
      .filter((entry) => entry.isUsed && entry.isCommitted && !isAskedElsewhere(entry));
  }

  #entryOf(name: string): AdapterEntry {
    const entry = this.#names.get(name);
    if (entry === undefined) throw unknownAdapter(name);
    return entry;
  }

  #refuseManaged(name: string): void {
    if (!this.#isManaged) return;
    throw adapterError(
      "managed_by_manifest",
      `Cannot change adapter ${
        JSON.stringify(name)
      } here: the fleet's manifest says which adapters there are`,
    );
  }

  #levelOf({ content }: AdapterEntry): AdapterLevel {
    return this.#tiers.levelOf(content?.generation ?? null);
  }

  #describe(entry: AdapterEntry): AdapterInfo {
    return describeEntry(entry, this.#levelOf(entry));
  }
}

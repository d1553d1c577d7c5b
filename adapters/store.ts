import type { AdapterWeights } from "../engine/core/adapter_weights.ts";
import { WeftError } from "../engine/core/errors.ts";
import {
  type AdapterEntry,
  type AdapterStoreOptions,
  assemble,
  describeEntry,
  Leases,
  type NamesListener,
  type Parts,
  removalOf,
  restoreNames,
  stateOf,
  unknownAdapter,
} from "./lifecycle/mod.ts";
import { adapterError } from "./reasons.ts";
import { underSignals, waitUnder } from "./signals.ts";
import type {
  AdapterInfo,
  AdapterLease,
  AdapterLevel,
  AdapterStoreStats,
  PutOptions,
  RoutableAdapter,
} from "./types.ts";

/**
 * The adapters by name. A name stands for one generation of content and moves to another in one step; requests lease
 * generations and keep theirs. Content is fetched when it is first needed, and kept on disk and in memory.
 */
export class AdapterStore {
  readonly #closing = new AbortController();
  readonly #leases = new Leases();
  readonly #parts: Parts;
  readonly #isManaged: boolean;

  private constructor(options: AdapterStoreOptions) {
    this.#parts = assemble(options, this.#closing.signal);
    this.#isManaged = options.manifest !== undefined;
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
    return this.#parts.names.all().map((entry) => this.#describe(entry))
      .sort((a, b) => a.name < b.name ? -1 : 1);
  }

  get(name: string): AdapterInfo | undefined {
    const entry = this.#parts.names.get(name);
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
    return await this.#lease(this.#parts.unnamed.get(url), signal);
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
    const { done } = this.#parts.puts.start(name, options);
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
    const removal = removalOf(entry);
    this.#parts.names.remove(entry, {
      keepTombstone: true,
      beforeGone: () => this.#parts.puts.interrupt(entry),
    });
    this.#parts.onEvent(removal);
  }

  /** Brings a name's content to every tier and keeps it there. @throws {WeftError} as `acquire`. */
  async pin(name: string): Promise<AdapterInfo> {
    const entry = this.#entryOf(name);
    await underSignals(
      [entry.gone, this.#closing.signal],
      (signal) => this.#parts.pins.pin(entry, signal),
    );
    return this.#describe(entry);
  }

  unpin(name: string): AdapterInfo {
    const entry = this.#entryOf(name);
    this.#parts.pins.unpin(entry);
    return this.#describe(entry);
  }

  /** Asks a name's origin now, and moves the name if there is something new. @throws {WeftError} why it can't. */
  async refresh(name: string, signal?: AbortSignal): Promise<AdapterInfo> {
    const entry = this.#entryOf(name);
    await underSignals([signal, entry.gone, this.#closing.signal], async (signal) => {
      while (entry.put) await waitUnder(entry.put.ended, signal);
      if (!entry.isCommitted) throw entry.failure?.error ?? unknownAdapter(name);
      await this.#parts.updater.refresh(entry, signal);
    });
    return this.#describe(entry);
  }

  /** Looks at the catalogues and the manifest now. @throws {WeftError} why one of them can't be read. */
  async refreshCatalogues(signal?: AbortSignal): Promise<void> {
    await underSignals(
      [signal, this.#closing.signal],
      (signal) => this.#parts.schedule.lookNow(signal),
    );
  }

  /** What a router may know of a name; undefined where it stands for nothing. */
  routable(name: string): RoutableAdapter | undefined {
    const entry = this.#parts.names.get(name);
    if (!entry?.isCommitted) return undefined;
    return { generation: entry.content?.generation ?? null, examples: entry.examples };
  }

  /** The names that were registered with examples. */
  withExamples(): Iterable<string> {
    return this.#parts.names.withExamples();
  }

  /** Tells of every change of names until the returned function is called. */
  watch(listener: NamesListener): () => void {
    return this.#parts.names.watch(listener);
  }

  /**
   * The tensors of a generation, for the engine. Certain to work while a lease holds the generation.
   *
   * @throws {WeftError} `unavailable` when it is no longer in memory.
   */
  weightsOf(generation: string): Promise<AdapterWeights> {
    const resident = this.#parts.tiers.memory.get(generation);
    if (resident !== undefined) return Promise.resolve(resident.weights);
    return Promise.reject(
      new WeftError("unavailable", `Adapter generation ${generation} is no longer in memory`),
    );
  }

  stats(): AdapterStoreStats {
    const entries = this.#parts.names.all();
    const states = entries.map(stateOf);
    const levels: Record<AdapterLevel, number> = { gpu: 0, ram: 0, disk: 0, origin: 0 };
    for (const entry of entries) levels[this.#levelOf(entry)]++;
    const { fetches, fetchedBytes, revalidations, swaps } = this.#parts.counters;
    return {
      registered: entries.length,
      ready: entries.filter(({ content }) => content !== null).length,
      failed: states.filter((state) => state === "failed").length,
      leases: this.#leases.count,
      levels,
      ...this.#parts.tiers.stats(this.#parts.counters),
      fetches,
      fetchedBytes,
      revalidations,
      failures: this.#parts.counters.failures(),
      swaps,
    };
  }

  /** @throws {Error} when the books on memory, references and leases do not balance. */
  checkIntegrity(): void {
    const entries = [...this.#parts.names.all(), ...this.#parts.unnamed.all()];
    this.#parts.tiers.checkIntegrity({
      referrers: [
        ...entries.flatMap(({ content, pin }) => [content, pin]).filter((it) => it !== null)
          .map(({ generation }) => generation),
        ...this.#leases.generations(),
      ],
      // Work under way refers to what it brings.
      isIdle: this.#parts.resolver.isIdle && this.#parts.loader.isIdle && this.#parts.pins.isIdle &&
        entries.every(({ put, reads, waiting }) => put === null && reads === 0 && waiting === 0),
    });
  }

  /** Ends what is under way and the timers. The disk cache and the registry stay open: they are their owner's. */
  async close(): Promise<void> {
    this.#closing.abort(new WeftError("unavailable", "the server is stopping"));
    await this.#parts.schedule.stop();
    await this.#parts.background.ended();
    const entries = this.#parts.names.all();
    await Promise.all(entries.map(({ put }) => put?.ended));
    await this.#parts.loader.settled();
    for (const entry of entries) entry.replacePin(null);
    await this.#parts.tiers.settled();
  }

  async #start(
    { registry, origins, catalogues = [], manifest }: AdapterStoreOptions,
  ): Promise<void> {
    const places = new Set(catalogues.map(({ location }) => location));
    const hasManifest = manifest !== undefined;
    const names = this.#parts.names;
    if (registry) {
      restoreNames({ registry, names, tiers: this.#parts.tiers, origins, places, hasManifest });
    }
    this.#parts.tiers.removeOrphans();
    await this.#parts.schedule.start(this.#closing.signal);
    for (const entry of names.all()) this.#parts.background.keep(entry);
  }

  async #lease(entry: AdapterEntry, signal?: AbortSignal): Promise<AdapterLease> {
    entry.isUsed = true;
    entry.waiting++;
    try {
      const found = await this.#parts.resolver.find(entry, signal);
      // Newer content wasn't to be had at once.
      if (entry.isStale) this.#parts.background.keep(entry);
      const isHit = found.level === "gpu" || found.level === "ram";
      if (isHit) this.#parts.counters.memoryHits++;
      else this.#parts.counters.memoryMisses++;
      return this.#leases.make(entry.name, found);
    } finally {
      entry.waiting--;
    }
  }

  #entryOf(name: string): AdapterEntry {
    const entry = this.#parts.names.get(name);
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
    return this.#parts.tiers.levelOf(content?.generation ?? null);
  }

  #describe(entry: AdapterEntry): AdapterInfo {
    return describeEntry(entry, this.#levelOf(entry));
  }
}

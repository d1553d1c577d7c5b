import type { AdapterWeights } from "../engine/core/adapter_weights.ts";
import { WeftError } from "../engine/core/errors.ts";
import type { ModelConfig } from "../engine/core/model_config.ts";
import {
  type AdapterEntry,
  type AdapterInfo,
  describeEntry,
  failureOf,
  refuseName,
} from "./entry.ts";
import { Limiter } from "./limiter.ts";
import { AdapterMemory, type Resident } from "./memory.ts";
import { describeTargets, parsePeftAdapter, parsePeftConfig } from "./peft/mod.ts";
import { SingleFlight } from "./single_flight.ts";
import type { AdapterCatalogue, NamedSource } from "./source.ts";

export interface AdapterStoreOptions {
  /** Where adapters are found; a name may occur once in all of them. */
  catalogues: readonly AdapterCatalogue[];
  /** The base that every adapter must fit. */
  model: ModelConfig;
  /** The largest rank a module may have. */
  maxRank: number;
  /** Host memory for adapters' tensors. */
  maxBytes: number;
  /** Adapters read at the same time; 2 unless told. */
  maxConcurrentLoads?: number;
}

/** A hold on one generation: while it lasts, its tensors stay in memory. */
export interface AdapterLease extends Disposable {
  readonly name: string;
  readonly generation: string;
  /** Shared and immutable: copy a tensor before transferring its buffer elsewhere. */
  readonly weights: AdapterWeights;
  /** Gives the hold back; further calls do nothing. */
  release(): void;
}

/** A snapshot for metrics. Counters only grow. */
export interface AdapterStoreStats {
  registered: number;
  ready: number;
  failed: number;
  leases: number;
  bytes: number;
  maxBytes: number;
  /** Acquisitions served from memory, and those that had to read. */
  hits: number;
  misses: number;
  loads: number;
  loadFailures: number;
  evictions: number;
}

/**
 * The adapters by name. Only names and configurations are read at first; tensors are read, checked and kept when a
 * request first needs them. A name stands for its source's present content: content that changed becomes a new
 * generation for new requests, while leases keep theirs.
 */
export class AdapterStore {
  readonly #entries = new Map<string, AdapterEntry>();
  readonly #memory: AdapterMemory;
  readonly #flights: SingleFlight<Resident>;
  readonly #limiter: Limiter;
  readonly #model: ModelConfig;
  readonly #maxRank: number;
  #leases = 0;
  #hits = 0;
  #misses = 0;
  #loads = 0;
  #loadFailures = 0;

  private constructor(options: AdapterStoreOptions) {
    this.#model = options.model;
    this.#maxRank = options.maxRank;
    this.#memory = new AdapterMemory(options.maxBytes);
    this.#flights = new SingleFlight((resident) => this.#memory.release(resident));
    this.#limiter = new Limiter(options.maxConcurrentLoads ?? 2);
  }

  /**
   * Finds the adapters. A broken one is listed with its error and stops nothing.
   *
   * @throws {WeftError} `bad_adapter` when a catalogue cannot be read or a name occurs twice.
   */
  static async open(options: AdapterStoreOptions): Promise<AdapterStore> {
    const store = new AdapterStore(options);
    const found = await Promise.all(options.catalogues.map((catalogue) => catalogue.list()));
    const entries = found.flat().map((named) => store.#register(named));
    await Promise.all(entries.map(readConfig));
    return store;
  }

  /** All adapters, by name. */
  list(): AdapterInfo[] {
    return [...this.#entries.values()].map((entry) => this.#describe(entry))
      .sort((a, b) => a.name < b.name ? -1 : 1);
  }

  get(name: string): AdapterInfo | undefined {
    const entry = this.#entries.get(name);
    return entry && this.#describe(entry);
  }

  /**
   * Leases the adapter's present content, read first if need be. Where new content is no good, the latest good
   * one that is still in memory serves on.
   *
   * @throws {WeftError} `not_found` for an unknown name, `bad_adapter` with the reason for a broken adapter,
   *   `overloaded` when leases leave no room in memory. What `signal` holds when it aborts.
   */
  async acquire(name: string, signal?: AbortSignal): Promise<AdapterLease> {
    const entry = this.#entries.get(name);
    if (entry === undefined) {
      throw new WeftError("not_found", `Adapter ${JSON.stringify(name)} does not exist`);
    }
    return await this.#flights.run(name, {
      signal,
      task: (signal) => this.#resolve(entry, signal),
      take: (resident) => this.#lease(name, resident),
    });
  }

  /**
   * The tensors of a generation, for the engine. Certain to work while a lease holds the generation.
   *
   * @throws {WeftError} `unavailable` when it is no longer in memory.
   */
  weightsOf(generation: string): Promise<AdapterWeights> {
    const resident = this.#memory.get(generation);
    if (resident !== undefined) return Promise.resolve(resident.weights);
    return Promise.reject(
      new WeftError("unavailable", `Adapter generation ${generation} is no longer in memory`),
    );
  }

  stats(): AdapterStoreStats {
    const states = [...this.#entries.values()].map((entry) => this.#describe(entry).state);
    return {
      registered: states.length,
      ready: states.filter((state) => state === "ready").length,
      failed: states.filter((state) => state === "failed").length,
      leases: this.#leases,
      bytes: this.#memory.bytes,
      maxBytes: this.#memory.maxBytes,
      hits: this.#hits,
      misses: this.#misses,
      loads: this.#loads,
      loadFailures: this.#loadFailures,
      evictions: this.#memory.evictions,
    };
  }

  /** @throws {Error} when the books on memory do not balance. */
  checkIntegrity(): void {
    this.#memory.checkIntegrity();
  }

  #register({ name, source }: NamedSource): AdapterEntry {
    const present = this.#entries.get(name);
    if (present !== undefined) {
      throw new WeftError(
        "bad_adapter",
        `Adapter name ${JSON.stringify(name)} occurs twice: ${present.source.location} and ` +
          `${source.location}`,
      );
    }
    const entry: AdapterEntry = { name, source, loads: 0 };
    this.#entries.set(name, entry);
    return entry;
  }

  /** The present content, or the latest good one; held for the flight. */
  async #resolve(entry: AdapterEntry, signal: AbortSignal): Promise<Resident> {
    let version: string | undefined;
    try {
      refuseName(entry.name);
      version = await entry.source.version(signal);
      return await this.#contentOf(entry, { version, signal });
    } catch (error) {
      signal.throwIfAborted();
      entry.failure = failureOf(entry, { error, version });
      const earlier = entry.content && this.#memory.get(entry.content.generation);
      if (earlier === undefined) throw entry.failure.error;
      return this.#memory.hold(earlier);
    }
  }

  async #contentOf(entry: AdapterEntry, { version, signal }: LoadOptions): Promise<Resident> {
    const { content, failure } = entry;
    if (failure?.version === version) throw failure.error;
    const resident = content?.version === version
      ? this.#memory.get(content.generation)
      : undefined;
    if (resident !== undefined) {
      this.#hits++;
      entry.failure = undefined;
      return this.#memory.hold(resident);
    }
    this.#misses++;
    entry.loads++;
    try {
      return await this.#limiter.run(() => this.#load(entry, signal), signal);
    } catch (error) {
      if (!signal.aborted) this.#loadFailures++;
      throw error;
    } finally {
      entry.loads--;
    }
  }

  async #load(entry: AdapterEntry, signal: AbortSignal): Promise<Resident> {
    const { files, version } = await entry.source.read(signal);
    const weights = await parsePeftAdapter(files, {
      model: this.#model,
      maxRank: this.#maxRank,
      signal,
    });
    signal.throwIfAborted();
    const resident = this.#memory.add(weights);
    const { generation, maxRank: rank } = weights;
    entry.content = { version, generation, rank, bytes: resident.bytes };
    entry.targetModules = describeTargets(parsePeftConfig(files.config).targets);
    entry.failure = undefined;
    this.#loads++;
    return resident;
  }

  #lease(name: string, resident: Resident): AdapterLease {
    this.#memory.hold(resident);
    this.#leases++;
    let isHeld = true;
    const release = () => {
      if (!isHeld) return;
      isHeld = false;
      this.#leases--;
      this.#memory.release(resident);
    };
    const { weights } = resident;
    return { name, generation: weights.generation, weights, release, [Symbol.dispose]: release };
  }

  #describe(entry: AdapterEntry): AdapterInfo {
    const { content } = entry;
    const isInMemory = content !== undefined && this.#memory.has(content.generation);
    return describeEntry(entry, { isInMemory });
  }
}

interface LoadOptions {
  /** What the source said before it was read. */
  version: string;
  signal: AbortSignal;
}

async function readConfig(entry: AdapterEntry): Promise<void> {
  try {
    refuseName(entry.name);
    const config = parsePeftConfig(await entry.source.readConfig());
    entry.rank = config.rank;
    entry.targetModules = describeTargets(config.targets);
  } catch (error) {
    entry.failure = failureOf(entry, { error });
  }
}

import type { AdapterWeights } from "../../engine/core/adapter_weights.ts";
import { WeftError } from "../../engine/core/errors.ts";
import type { Clock } from "../clock.ts";
import { Limiter } from "../limiter.ts";
import type { AdapterContent, ReadOptions } from "../origin.ts";
import { SingleFlight } from "../single_flight.ts";
import { formOf } from "../sources/adapter_url.ts";
import { type Content, hostOf, type Target } from "./content.ts";
import type { ContentCheck, VersionedContent } from "./content_check.ts";
import type { Counters } from "./counters.ts";
import type { AdapterEntry } from "./entry.ts";
import type { OnAdapterEvent } from "./events.ts";
import type { DiskTier, StagedContent } from "./ports.ts";
import { Hold, type Tiers } from "./tiers.ts";

export interface LoaderOptions {
  tiers: Tiers;
  counters: Counters;
  clock: Clock;
  onEvent: OnAdapterEvent;
  check: ContentCheck;
  /** Reads from origins at the same time. */
  maxConcurrentFetches: number;
  /** Reads from this machine's disks, and checks of what came, at the same time. */
  maxConcurrentLoads: number;
}

/** What came from an origin: checked, held, and on the disk where it isn't from this machine. */
export interface Fetched {
  content: VersionedContent;
  hold: Hold;
}

export interface FetchOptions {
  target: Target;
  /** The version that the caller has; nothing is fetched while the origin has it too. */
  unless?: string;
  signal: AbortSignal;
}

/**
 * Brings content up the tiers, each piece once however many ask for it: from an origin to the disk and into memory,
 * or from the disk into memory. It knows nothing of names.
 */
export class ContentLoader {
  readonly #options: LoaderOptions;
  readonly #tiers: Tiers;
  readonly #check: ContentCheck;
  readonly #fetching: Limiter;
  readonly #loading: Limiter;
  /** By URL and known version. */
  readonly #fetches = new SingleFlight<Fetched | null>((fetched) => fetched?.hold.release());
  /** By generation. */
  readonly #loads = new SingleFlight<Hold | null>((hold) => hold?.release());
  readonly #running = new Set<Promise<unknown>>();
  /** Whose status shows how far a fetch is. */
  readonly #watchers = new Map<string, Set<AdapterEntry>>();

  constructor(options: LoaderOptions) {
    this.#options = options;
    this.#tiers = options.tiers;
    this.#check = options.check;
    this.#fetching = new Limiter(options.maxConcurrentFetches);
    this.#loading = new Limiter(options.maxConcurrentLoads);
  }

  /**
   * A generation from the disk into memory; null when the disk hasn't got it, or not intact.
   *
   * @throws {WeftError} `memory_full`; `bad_adapter` when this configuration can't take it. What `signal` holds
   *   when it aborts.
   */
  fromDisk(content: Content, signal: AbortSignal): Promise<Hold | null> {
    const { generation } = content;
    const present = this.#tiers.hold(generation);
    if (present) return Promise.resolve(present);
    if (!this.#tiers.disk?.has(generation)) return Promise.resolve(null);
    return this.#loads.run(generation, {
      signal,
      task: (signal) =>
        this.#run(this.#loading.run(() => this.#load(generation, signal), { signal })),
      take: (hold) => hold && hold.again(),
    });
  }

  /**
   * A target's present content; null while it is still the version `unless`.
   *
   * @throws {WeftError} as the source does; BadContent when what came is no good. What `signal` holds when it
   *   aborts.
   */
  async fetch(
    entry: AdapterEntry,
    { target, unless, signal }: FetchOptions,
  ): Promise<Fetched | null> {
    const key = `${unless ?? ""}\n${target.url}`;
    const watchers = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, watchers.add(entry));
    // A look at files of this machine is nothing to show.
    const isShown = unless === undefined || !target.source.isLocal;
    if (isShown) entry.reads++;
    try {
      return await this.#fetches.run(key, {
        signal,
        task: (signal) => {
          const startedAt = this.#options.clock.now();
          const { name } = entry;
          return this.#run(this.#fetch({ name, target, unless, signal, watchers, startedAt }));
        },
        take: (fetched) => fetched && { content: fetched.content, hold: fetched.hold.again() },
      });
    } finally {
      if (isShown && --entry.reads === 0) entry.progress = null;
      watchers.delete(entry);
      if (watchers.size === 0 && this.#watchers.get(key) === watchers) this.#watchers.delete(key);
    }
  }

  get isIdle(): boolean {
    return this.#running.size === 0;
  }

  /** Ends once all reads have, those that were aborted too. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running);
  }

  #run<T>(task: Promise<T>): Promise<T> {
    const running = task.finally(() => this.#running.delete(running));
    this.#running.add(running);
    return running;
  }

  async #load(generation: string, signal: AbortSignal): Promise<Hold | null> {
    const files = await this.#tiers.disk?.read(generation);
    if (!files) return null;
    const weights = await this.#check.parse(files, { generation, signal });
    signal.throwIfAborted();
    return this.#tiers.add(weights);
  }

  async #fetch(job: FetchJob): Promise<Fetched | null> {
    const { source } = job.target;
    const { counters, onEvent } = this.#options;
    if (!source.isLocal) onEvent({ kind: "fetch_started", name: job.name, url: source.location });
    try {
      const fetched = source.isLocal ? await this.#readLocal(job) : await this.#download(job);
      if (fetched === null && !source.isLocal) counters.revalidations++;
      return fetched;
    } catch (error) {
      if (!job.signal.aborted) counters.failed(error);
      throw error;
    }
  }

  /** Files of this machine stay where they are. A look whether they changed must not wait for loads. */
  async #readLocal(job: FetchJob): Promise<Fetched | null> {
    const { signal } = job;
    if (job.unless === undefined) {
      return await this.#loading.run(async () => {
        const found = await this.#look(job);
        return found && await this.#checkLocal(found, job);
      }, { signal });
    }
    const found = await this.#look(job);
    return found && await this.#loading.run(() => this.#checkLocal(found, job), { signal });
  }

  /** A bundle is unpacked in the staging directory, but not kept. */
  async #look(job: FetchJob): Promise<AdapterContent | null> {
    const { source } = job.target;
    if (formOf(source.location) === "directory") {
      return await source.read({ unless: job.unless, staging: "", signal: job.signal });
    }
    const staged = await this.#disk().stage();
    try {
      return await source.read(readOptions(job, staged));
    } finally {
      await staged.drop();
    }
  }

  async #checkLocal(found: AdapterContent, job: FetchJob): Promise<Fetched> {
    const { content, weights } = await this.#check.examine(found, job.signal);
    job.signal.throwIfAborted();
    this.#came(found, content, job);
    return { content, hold: this.#tiers.add(weights) };
  }

  async #download(job: FetchJob): Promise<Fetched | null> {
    const { signal } = job;
    const disk = this.#disk();
    if (job.unless === undefined) this.#options.counters.diskMisses++;
    return await this.#fetching.run(async () => {
      const staged = await disk.stage();
      let isKept = false;
      try {
        const found = await job.target.source.read(readOptions(job, staged));
        if (found === null) return null;
        const { content, weights } = await this.#loading.run(
          () => this.#check.examine(found, signal),
          { signal },
        );
        this.#came(found, content, job);
        // From here on nobody else's leaving takes the generation off the disk.
        const kept = new Hold(this.#tiers, content.generation, undefined);
        try {
          signal.throwIfAborted();
          await staged.keep(content.generation);
          isKept = true;
          signal.throwIfAborted();
          return { content, hold: this.#intoMemory(weights) };
        } finally {
          kept.release();
        }
      } finally {
        if (!isKept) await staged.drop();
      }
    }, { signal, share: hostOf(job.target) });
  }

  /** What is on the disk is not lost where memory is full just now. */
  #intoMemory(weights: AdapterWeights): Hold {
    try {
      return this.#tiers.add(weights);
    } catch (error) {
      if (!(error instanceof WeftError) || error.reason !== "memory_full") throw error;
      return new Hold(this.#tiers, weights.generation, undefined, error);
    }
  }

  #disk(): DiskTier {
    if (this.#tiers.disk) return this.#tiers.disk;
    throw new WeftError("unavailable", "without a disk cache only directories on disk can be read");
  }

  #came({ files }: AdapterContent, { generation }: Content, { name, target, startedAt }: FetchJob) {
    const { counters, clock, onEvent } = this.#options;
    const bytes = files.config.byteLength + files.weights.byteLength;
    counters.fetches++;
    counters.fetchedBytes += bytes;
    const url = target.source.location;
    onEvent({ kind: "fetched", name, url, generation, bytes, ms: clock.now() - startedAt });
  }
}

interface FetchJob {
  name: string;
  target: Target;
  unless?: string;
  signal: AbortSignal;
  watchers: ReadonlySet<AdapterEntry>;
  startedAt: number;
}

function readOptions(
  { unless, signal, watchers }: FetchJob,
  { path }: StagedContent,
): ReadOptions {
  return {
    unless,
    staging: path,
    signal,
    onProgress: (progress) => watchers.forEach((entry) => entry.progress = progress),
  };
}

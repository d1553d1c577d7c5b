import {
  adapterError,
  type AdapterInfo,
  type AdapterLevel,
  type AdapterStoreStats,
  type PutOptions,
  type RoutableAdapter,
} from "../../adapters/mod.ts";
import { WeftError } from "../../engine/core/errors.ts";
import type { AdapterCatalog, HeldAdapter } from "../../routes/mod.ts";

/** Adapters by name, with their generation; counts the leases that are out and keeps what was asked of it. */
export class FakeAdapters implements AdapterCatalog {
  readonly generations: Map<string, string | null>;
  /** What differs from a ready adapter of the command line. */
  readonly details = new Map<string, Partial<AdapterInfo>>();
  leased = 0;
  /** Names and URLs whose fetch fails: as broken content, or as said. */
  readonly broken = new Set<string>();
  readonly failures = new Map<string, Error>();
  /** Where leases find their adapters. */
  readonly levels = new Map<string, AdapterLevel>();
  readonly puts: { name: string; options: PutOptions }[] = [];
  readonly calls: string[] = [];
  readonly examples = new Map<string, readonly string[]>();
  readonly #watchers = new Set<(kind: "changed" | "removed") => void>();
  /** What a put, a refresh or an acquisition waits for; an aborted signal ends the wait. */
  gate: Promise<void> = Promise.resolve();

  constructor(generations: Record<string, string>) {
    this.generations = new Map(Object.entries(generations));
  }

  list(): AdapterInfo[] {
    return [...this.generations.keys()].map((name) => this.get(name)!);
  }

  get(name: string): AdapterInfo | undefined {
    const generation = this.generations.get(name);
    if (generation === undefined) return undefined;
    return {
      name,
      url: `adapters/${name}`,
      owner: "catalogue",
      state: "ready",
      level: this.levels.get(name) ?? "ram",
      pinned: false,
      generation,
      sha256: null,
      rank: 8,
      bytes: 1024,
      targetModules: ["q_proj"],
      progress: null,
      error: null,
      ...this.details.get(name),
    };
  }

  routable(name: string): RoutableAdapter | undefined {
    const generation = this.generations.get(name);
    if (generation === undefined || this.details.get(name)?.state === "loading") return undefined;
    return { generation, examples: this.examples.get(name) ?? null };
  }

  withExamples(): Iterable<string> {
    return this.examples.keys();
  }

  watch(watcher: (kind: "changed" | "removed") => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /** Registers or moves a name. */
  set(name: string, generation: string | null, examples?: readonly string[]): void {
    this.generations.set(name, generation);
    if (examples !== undefined) this.examples.set(name, examples);
    this.#tell("changed");
  }

  #tell(kind: "changed" | "removed"): void {
    for (const watcher of this.#watchers) watcher(kind);
  }

  async acquire(name: string, signal: AbortSignal): Promise<HeldAdapter> {
    await this.#pass(name, signal);
    const generation = this.generations.get(name);
    if (generation === undefined) throw unknown(name);
    return this.#lease(name, generation!);
  }

  async acquireUrl(url: string, signal: AbortSignal): Promise<HeldAdapter> {
    await this.#pass(url, signal);
    return this.#lease(url.split("?")[0], "eeee");
  }

  startPut(name: string, options: PutOptions): { done: Promise<AdapterInfo> } {
    this.puts.push({ name, options });
    if (options.url.startsWith("ftp:")) {
      throw adapterError("scheme_not_allowed", "Cannot use the scheme ftp");
    }
    const { expectedGeneration: expected } = options;
    if (expected !== undefined && expected !== (this.generations.get(name) ?? null)) {
      throw adapterError("generation_conflict", `Adapter "${name}" has another generation`);
    }
    const before = this.generations.get(name) ?? null;
    this.generations.set(name, before);
    this.details.set(name, {
      url: options.url.split("?")[0],
      state: "loading",
      owner: "api",
      pinned: options.pinned ?? false,
      progress: { doneBytes: 5, totalBytes: 10 },
      ...before === null ? { level: "origin", rank: null, bytes: null } : {},
    });
    return { done: this.#finishPut(name, options) };
  }

  async #finishPut(name: string, { url, signal, examples, pinned = false }: PutOptions) {
    const detail: Partial<AdapterInfo> = { url: url.split("?")[0], owner: "api", pinned };
    try {
      await this.#pass(url, signal);
    } catch (error) {
      const { code, reason = code, message } = error instanceof WeftError
        ? error
        : new WeftError("internal", "aborted");
      this.details.set(name, {
        ...detail,
        state: this.generations.get(name) === null ? "failed" : "ready",
        error: { code: reason, message, at: 1_800_000_000_900, retryAt: 1_800_000_001_100 },
      });
      throw error;
    }
    this.details.set(name, { ...detail, sha256: "0".repeat(64) });
    this.set(name, "f".repeat(64), examples);
    return this.get(name)!;
  }

  delete(name: string): void {
    this.calls.push(`delete ${name}`);
    if (!this.generations.delete(name)) throw unknown(name);
    this.examples.delete(name);
    this.#tell("removed");
  }

  async pin(name: string): Promise<AdapterInfo> {
    await Promise.resolve();
    return this.#setPinned(name, true);
  }

  unpin(name: string): AdapterInfo {
    return this.#setPinned(name, false);
  }

  async refresh(name: string, signal: AbortSignal): Promise<AdapterInfo> {
    this.calls.push(`refresh ${name}`);
    await this.#pass(name, signal);
    const info = this.get(name);
    if (info === undefined) throw unknown(name);
    return info;
  }

  async refreshCatalogues(signal: AbortSignal): Promise<void> {
    this.calls.push("refresh catalogues");
    await this.#pass("", signal);
    this.generations.set("found", "dddd");
  }

  stats(): AdapterStoreStats {
    const tier = (bytes: number) => ({
      ...{ adapters: 2, bytes, maxBytes: 100, pinned: 1, hits: 7, misses: 3, evictions: 4 },
    });
    return {
      registered: this.generations.size,
      ready: 2,
      failed: 1,
      leases: this.leased,
      levels: { gpu: 1, ram: 2, disk: 3, origin: 4 },
      disk: tier(50),
      ram: tier(60),
      fetches: 11,
      fetchedBytes: 12,
      revalidations: 13,
      failures: { host_not_allowed: 2, truncated: 1 },
      swaps: 14,
    };
  }

  #setPinned(name: string, pinned: boolean): AdapterInfo {
    if (!this.generations.has(name)) throw unknown(name);
    this.details.set(name, { ...this.details.get(name), pinned });
    return this.get(name)!;
  }

  async #pass(key: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const { promise, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal?.reason);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await Promise.race([this.gate, promise]);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
    const failure = this.failures.get(key);
    if (failure !== undefined) throw failure;
    if (this.broken.has(key)) {
      throw adapterError("bad_adapter", `Cannot load adapter "${key}": DoRA is not supported`);
    }
  }

  #lease(name: string, generation: string): HeldAdapter {
    let held = true;
    this.leased++;
    return {
      name,
      generation,
      level: this.levels.get(name) ?? "ram",
      release: () => {
        if (held) this.leased--;
        held = false;
      },
    };
  }
}

function unknown(name: string): WeftError {
  return adapterError("adapter_not_found", `There is no adapter "${name}" here`);
}

import type { AdapterWeights } from "../engine/core/adapter_weights.ts";
import type { FetchProgress } from "./origin.ts";

/**
 * `registered`: known, never read. `loading`: content is being read, for the first time or anew. `ready`: has
 * good content. `failed`: has none, and `error` says why.
 */
export type AdapterState = "registered" | "loading" | "ready" | "failed";

/** Where an adapter's content is at best. `origin`: it would have to be fetched. */
export type AdapterLevel = "gpu" | "ram" | "disk" | "origin";

/** Who registered a name: the command line's catalogues, the fleet's manifest, or the API. */
export type AdapterOwner = "catalogue" | "manifest" | "api";

/** An adapter as the store shows it; nothing in it is secret. */
export interface AdapterInfo {
  name: string;
  /** Its URL or path, without query and user. */
  url: string;
  owner: AdapterOwner;
  state: AdapterState;
  level: AdapterLevel;
  pinned: boolean;
  /** The content the name stands for: sha256 over configuration and tensors, hex; null before it was read. */
  generation: string | null;
  /** That of the tensors' file alone, as `sha256sum` prints it. */
  sha256: string | null;
  /** The largest rank of any module. */
  rank: number | null;
  /** What its tensors take in memory. */
  bytes: number | null;
  /** As configured: names, a pattern, or "all-linear". */
  targetModules: string[] | null;
  /** Of the read under way. */
  progress: FetchProgress | null;
  /** Why the latest attempt failed; a `ready` adapter may have one, then its earlier generation serves on. */
  error: AdapterProblem | null;
}

export interface AdapterProblem {
  /** An AdapterReason, or an ErrorCode. */
  code: string;
  message: string;
  /** Milliseconds since 1970. */
  at: number;
  /** When another attempt is made at the earliest, in the same unit; null where a request must ask. */
  retryAt: number | null;
}

/** What `put` registers. */
export interface PutOptions {
  url: string;
  /** The content must have this generation, or its tensors' file this sha256 (hex). */
  sha256?: string;
  /** Refused unless the name stands for this generation now; null: unless the name is free. */
  expectedGeneration?: string | null;
  pinned?: boolean;
  /** Prompts by which a router knows what the adapter is for; none takes them away, left out they stay. */
  examples?: readonly string[];
  signal?: AbortSignal;
}

/** What a router may know of a name. */
export interface RoutableAdapter {
  /** Null before its content was first read. */
  generation: string | null;
  /** The same list until it is replaced. */
  examples: readonly string[] | null;
}

/** A hold on one generation: while it lasts, its tensors stay in memory. */
export interface AdapterLease extends Disposable {
  readonly name: string;
  readonly generation: string;
  /** Where it was found when it was asked for. */
  readonly level: AdapterLevel;
  /** Shared and immutable. */
  readonly weights: AdapterWeights;
  /** Gives the hold back; further calls do nothing. */
  release(): void;
}

/** What the store needs to know of the GPU, and may ask of it. */
export interface GpuTier {
  has(generation: string): boolean;
  /**
   * Brings a generation onto the GPU and keeps it there until released; resolves once it is there.
   *
   * @throws {WeftError} `overloaded` when pinned adapters leave no room for it.
   */
  hold(generation: string, signal?: AbortSignal): Promise<{ release(): void }>;
}

/** What a tier holds and did. Counters only grow. */
export interface TierStats {
  adapters: number;
  bytes: number;
  maxBytes: number;
  pinned: number;
  hits: number;
  misses: number;
  evictions: number;
}

/** A snapshot for metrics. Counters only grow. */
export interface AdapterStoreStats {
  registered: number;
  ready: number;
  failed: number;
  leases: number;
  /** How many names stand at each level. */
  levels: Record<AdapterLevel, number>;
  disk: TierStats;
  ram: TierStats;
  /** Reads from origins that brought content, and bytes they brought. */
  fetches: number;
  fetchedBytes: number;
  /** Checks at origins that found nothing new. */
  revalidations: number;
  /** Failed reads, by reason. */
  failures: Record<string, number>;
  /** Names moved to another generation. */
  swaps: number;
}

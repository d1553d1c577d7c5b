/** What the life cycle needs of the disk cache and the registry, as narrowly as it uses them. */
import type { AdapterFiles } from "../peft/mod.ts";
import type { AdapterOwner, TierStats } from "../types.ts";

/** A directory that a fetch fills; kept as a generation's content, or dropped. */
export interface StagedContent {
  readonly path: string;
  keep(generation: string): Promise<void>;
  drop(): Promise<void>;
}

export interface DiskTier {
  stage(): Promise<StagedContent>;
  has(generation: string): boolean;
  /** Every generation there is. */
  generations(): string[];
  /** Verified; undefined when it is absent or was found corrupt, and then it is gone. */
  read(generation: string): Promise<AdapterFiles | undefined>;
  pin(generation: string): void;
  unpin(generation: string): void;
  remove(generation: string): Promise<void>;
  stats(): TierStats;
}

/** What outlives the process of one name. */
export interface RegistryRow {
  name: string;
  /** Whole; may be secret. */
  url: string;
  owner: AdapterOwner;
  /** The catalogue it was listed in. */
  place: string | null;
  generation: string | null;
  version: string | null;
  sha256: string | null;
  rank: number | null;
  bytes: number | null;
  targetModules: string[] | null;
  pinned: boolean;
  requiredSha256: string | null;
  /** A name that its catalogue lists and someone deleted: a listing doesn't bring it back. */
  deleted: boolean;
}

export interface NameRegistry {
  rows(): RegistryRow[];
  put(row: RegistryRow): void;
  putAll(rows: readonly RegistryRow[]): void;
  remove(name: string): void;
  setting(key: string): string | null;
  setSetting(key: string, value: string): void;
}

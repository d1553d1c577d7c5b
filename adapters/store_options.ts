import type { ModelConfig } from "../engine/core/model_config.ts";
import type { Clock } from "./clock.ts";
import type { OnAdapterEvent } from "./lifecycle/events.ts";
import type { DiskTier, NameRegistry } from "./lifecycle/ports.ts";
import type { AdapterCatalogue, Origins, WatchedObject } from "./origin.ts";
import type { GpuTier } from "./types.ts";

export interface AdapterStoreOptions {
  /** The base that every adapter must fit. */
  model: ModelConfig;
  /** The largest rank a module may have. */
  maxRank: number;
  /** What the weights become on the GPU, and must fit in; f32 unless told. */
  dtype?: "f16" | "f32";
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
  /** For logs. What it throws is dropped. */
  onEvent?: OnAdapterEvent;
}

export { type Clock, systemClock } from "./clock.ts";
export { DiskCache, type DiskCacheOptions, StateLock } from "./disk/mod.ts";
export type { AdapterEvent, OnAdapterEvent } from "./lifecycle/events.ts";
export { ADAPTER_NAME } from "./name.ts";
export { type LocalStoreOptions, openLocalStore } from "./open_local.ts";
export type {
  AdapterCatalogue,
  AdapterContent,
  AdapterSource,
  FetchProgress,
  ListedAdapter,
  Origins,
  ReadOptions,
  WatchedObject,
} from "./origin.ts";
export { ADAPTER_REASONS, adapterError, type AdapterReason } from "./reasons.ts";
export { Registry } from "./registry/mod.ts";
export { createOrigins, type OriginsOptions } from "./sources/mod.ts";
export { AdapterStore } from "./store.ts";
export type { AdapterStoreOptions } from "./store_options.ts";
export type * from "./types.ts";

export { type Clock, systemClock } from "./clock.ts";
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
export { AdapterStore, type AdapterStoreOptions } from "./store.ts";
export type * from "./types.ts";

export { ADAPTER_NAME } from "./entry.ts";
export type { FetchProgress } from "./origin.ts";
export { adapterError, type AdapterReason } from "./reasons.ts";
export type { AdapterCatalogue, AdapterSource, NamedSource, VersionedFiles } from "./source.ts";
export { directoryCatalogue, listedCatalogue } from "./sources/directory.ts";
export type { LocalSourceOptions } from "./sources/local.ts";
export { AdapterStore, type AdapterStoreOptions } from "./store.ts";
export type {
  AdapterInfo,
  AdapterLease,
  AdapterLevel,
  AdapterOwner,
  AdapterProblem,
  AdapterState,
  AdapterStoreStats,
  PutOptions,
  TierStats,
} from "./types.ts";

export { ADAPTER_NAME, type AdapterInfo, type AdapterState } from "./entry.ts";
export type { AdapterCatalogue, AdapterSource, NamedSource, VersionedFiles } from "./source.ts";
export { directoryCatalogue, listedCatalogue } from "./sources/directory.ts";
export type { LocalSourceOptions } from "./sources/local.ts";
export {
  type AdapterLease,
  AdapterStore,
  type AdapterStoreOptions,
  type AdapterStoreStats,
} from "./store.ts";

/** Where adapters come from: URLs and paths, and what reads each kind. */
export { formOf, parsePlace, type Place, redact } from "./adapter_url.ts";
export { type BucketsOptions, createBuckets, hostsOfBucket } from "./buckets.ts";
export type { FetchLimits } from "./fetcher.ts";
export { localCatalogue } from "./local_catalogue.ts";
export { LocalSource } from "./local_source.ts";
export { ObjectStorageConfig } from "./object_storage_config.ts";
export type { ListedObject, ObjectStore } from "./object_store.ts";
export { createOrigins, type OriginsOptions } from "./origins.ts";

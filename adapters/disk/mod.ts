export { DiskCache, type DiskCacheOptions } from "./cache.ts";
export { asDiskError } from "./disk_error.ts";
export type { Staging } from "./staging.ts";
export { StateLock } from "./state_lock.ts";

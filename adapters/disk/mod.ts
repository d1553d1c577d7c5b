export { DiskCache, type DiskCacheOptions } from "./cache.ts";
export { sync } from "./durable.ts";
export { asDiskError, codeOf } from "./disk_error.ts";
export type { Staging } from "./staging.ts";
export { StateLock } from "./state_lock.ts";

/** What becomes of adapters: found, put, swapped, pinned, listed, tried again. `AdapterStore` is its face. */
export { type AdapterEntry, describeEntry, removalOf, stateOf, unknownAdapter } from "./entry.ts";
export type { AdapterEvent, OnAdapterEvent } from "./events.ts";
export { Leases } from "./leases.ts";
export type { NamesListener } from "./names.ts";
export { assemble, type Parts } from "./parts.ts";
export { restoreNames } from "./restore.ts";
export type { AdapterStoreOptions } from "./store_options.ts";

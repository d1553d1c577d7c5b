export { MAX_EXAMPLE_LENGTH, MAX_EXAMPLES, MIN_EXAMPLES } from "./limits.ts";
export { type Clock, systemClock } from "./clock.ts";
export type { AdapterEvent, AdapterStoreOptions, OnAdapterEvent } from "./lifecycle/mod.ts";
export { ADAPTER_NAME } from "./name.ts";
export { type LocalStoreOptions, openLocalStore } from "./open_local.ts";
export type * from "./origin.ts";
export { adapterError, type AdapterReason } from "./reasons.ts";
export {
  type AdapterRouting,
  ClassBinding,
  RouterSeat,
  type RouterSwap,
  type SeatedRouter,
} from "./router/mod.ts";
export { AdapterStore } from "./store.ts";
export type * from "./types.ts";
export { type AdapterWorld, type AdapterWorldOptions, openAdapterWorld } from "./world.ts";

/** The router's file, its classes, and how both follow orders and adapters. The engine runs it. */
export {
  type AdapterRouting,
  type BindableAdapters,
  ClassBinding,
  type ClassBindingOptions,
} from "./class_binding.ts";
export { KeptRouter, type RouterOrder } from "./kept_router.ts";
export {
  RouterSeat,
  type RouterSeatOptions,
  type RouterStart,
  type RouterSwap,
  type SeatedRouter,
} from "./seat.ts";

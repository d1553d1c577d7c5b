/** Before and after the router: its input from texts, mixtures from its logits. */
export type { GatheredBatch } from "./gather.ts";
export type { Prototype } from "./prototypes.ts";
export {
  CLASS_OFF,
  type GatherOrder,
  readRecords,
  RECORD_BYTES,
  type RecordedChoice,
  type RouteOrder,
  type RouteRecord,
} from "./route_layout.ts";
export {
  MAX_CLASSES,
  MAX_FEATURES,
  MAX_PROTOTYPES,
  MAX_ROUTED_ROWS,
  type RoutedBatch,
  type RouterShape,
  RoutingKernels,
} from "./routing_kernels.ts";
export type { RowTables } from "./select.ts";

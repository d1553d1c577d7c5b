export { fitPrototype, type PrototypeFitResult } from "./prototype_fit.ts";
export { prepareOrt } from "./ort.ts";
export { paddedLength, paddedLengths } from "./padding.ts";
export { ClassTable, slotsOf } from "./class_table.ts";
export { refused } from "./refusal.ts";
export {
  ResidentRouter,
  type RoutedOutput,
  type RouterBatch,
  type RouterSurroundings,
} from "./resident_router.ts";
export { readRouterFile, type RouterFile } from "./router_file.ts";
export {
  type RouterInput,
  type RouterOutput,
  RouterSession,
  type RouterShape,
} from "./router_session.ts";
export {
  decodeReferences,
  encodeReferences,
  type Reference,
  referencesPerClass,
  type RouterReferences,
} from "./references.ts";

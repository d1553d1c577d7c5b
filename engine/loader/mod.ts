/** Models in Hugging Face layout: found or downloaded, checked, and read piece by piece. */
export { parseModelConfig } from "./config.ts";
export { readBias, readLinear, readRowBlocks, type RowBlock } from "./linear_reader.ts";
export { ModelDirectory, openModelDirectory, readModelConfig } from "./model_directory.ts";
export { resolveModel } from "./resolve_model.ts";
export type { HubProgress, ResolveOptions } from "./resolve_options.ts";
export type { ChunkData, ChunkOptions, TensorChunk } from "./tensor_reader.ts";
export {
  type LayerSources,
  type LinearSource,
  plannedTensors,
  planWeights,
  type TensorSource,
  type WeightPlan,
  weightSources,
} from "./weight_plan.ts";

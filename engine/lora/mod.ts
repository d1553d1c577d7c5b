/** The adapters on the GPU: where they lie, who goes, and what a batch row mixes. */
export { LoraPool, type LoraPoolOptions } from "./lora_pool.ts";
export { PROJECTION_GROUPS, type ProjectionGroup } from "./projection_groups.ts";

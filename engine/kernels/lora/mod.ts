export { LoraExpand } from "./lora_expand.ts";
export {
  type LoraGroup,
  type LoraMember,
  type LoraStep,
  type MixtureBuffers,
  NO_SLOT,
} from "./lora_group.ts";
export { LoraShrink } from "./lora_shrink.ts";

export { LoraExpand } from "./lora_expand.ts";
export {
  type LoraGroup,
  type LoraMember,
  type LoraStep,
  type MixtureBuffers,
  NO_SLOT,
  type RankList,
  rankListLength,
} from "./lora_group.ts";
export { LoraShrink } from "./lora_shrink.ts";

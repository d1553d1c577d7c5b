/** Every kernel: one `.wgsl` beside one typed wrapper of the same name, checked against the host. */
export { Attention, decodeSpans, partsLength } from "./attention.ts";
export { Embed } from "./embed.ts";
export { Feed } from "./feed.ts";
export { canGate, FewTokenLinear } from "./few_token_linear.ts";
export {
  BLOCK_ROWS,
  type Dtype,
  isQuantised,
  matrixBytes,
  type QuantisedFormat,
  quantisedLayout,
  rowsWithin,
  tileColumns,
  type WeightFormat,
} from "./format.ts";
export { ManyTokenLinear } from "./many_token_linear.ts";
export * from "./lora/mod.ts";
export type { Matrix, MatrixShard } from "./matrix.ts";
export { NormParts } from "./norm_parts.ts";
export { quantiseRows } from "./quantise.ts";
export { ProductChoices } from "./product_choices.ts";
export { defaultTilePlan } from "./product_tiles.ts";
export { PromptAttention } from "./prompt_attention.ts";
export { ResidualStream } from "./residual_stream.ts";
export { RmsNorm } from "./rms_norm.ts";
export { type KvCache, RopeKv, rotationTable, type TokenPlaces } from "./rope_kv.ts";
export * from "./routing/mod.ts";
export * from "./sampling/mod.ts";
export { SiluMul } from "./silu_mul.ts";
export { KernelSet } from "./variants.ts";

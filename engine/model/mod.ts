/** The decoder-only transformer on the GPU. */
export { Decoder, type DecoderOptions, type StepExtra, type StepOutput } from "./decoder.ts";
export type { AdapterFactory, GroupAdapter, Segment } from "./stack_parts.ts";
export type { StepShape } from "./step_buffers.ts";
export type { StepInput } from "./step_input.ts";
export { type MatrixFormats, matrixFormats, weightBytesOf } from "./weight_formats.ts";
export { type ModelWeights, uploadWeights } from "./weights.ts";

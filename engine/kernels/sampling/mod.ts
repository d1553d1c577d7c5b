export { Logprobs, readLogprobs } from "./logprobs.ts";
export { ROW_PARAMS, ROW_STATE } from "./row_layout.ts";
export {
  MAX_BIASES,
  MAX_LOGPROBS,
  needsTally,
  type RowState,
  TOKEN_FAILED,
  TOKEN_NOTHING,
} from "./row_params.ts";
export { Sample, type SampleStep } from "./sample.ts";
export { SamplingBuffers, type SamplingShape } from "./sampling_buffers.ts";

import type { SamplingParams } from "../../core/generation.ts";
import { encodeStruct } from "../struct_layout.ts";
import { ROW_PARAMS, ROW_STATE } from "./row_layout.ts";

/** No tally: the row's logits stay as the model made them. */
export const NO_TALLY = 0xffffffff;
/** Stands for a token when the logits held a NaN or allowed no token. */
export const TOKEN_FAILED = 0xffffffff;
/** Stands for a token when the row was not running. */
export const TOKEN_NOTHING = 0xfffffffe;
/** Biases one row can hold. */
export const MAX_BIASES = 1024;
/** Alternatives `Logprobs` can report. */
export const MAX_LOGPROBS = 20;

const F32_MAX = 3.4028234663852886e38;
const PROMPT_BIT = 2 ** 31;
const BIAS_UNIT = 2 ** 20;

/** Where a row's generation stands; see rows.wgsl. */
export interface RowState {
  token: number;
  position: number;
  drawn: number;
  budget: number;
  running: boolean;
}

export function encodeRowState(state: RowState): Uint8Array<ArrayBuffer> {
  return encodeStruct(ROW_STATE, { ...state, running: state.running ? 1 : 0 });
}

/** The kernels' form of the parameters. `tally` is the row's place in the tally buffer, if it needs one. */
export function encodeRowParams(sampling: SamplingParams, tally: number): Uint8Array<ArrayBuffer> {
  const { temperature, topP, minP } = sampling;
  return encodeStruct(ROW_PARAMS, {
    inverse_temperature: temperature === 0 ? 0 : Math.min(1 / temperature, F32_MAX),
    top_k: sampling.topK,
    top_p: topP >= 1 ? 0 : Math.min(Math.max(Math.round(topP * 2 ** 32), 1), 2 ** 32 - 1),
    min_log: minP > 0 ? Math.log(minP) : -F32_MAX,
    repetition: sampling.repetitionPenalty,
    frequency: sampling.frequencyPenalty,
    presence: sampling.presencePenalty,
    tally,
    seed: sampling.seed >>> 0,
    logprobs: sampling.logprobs === null ? 0 : Math.min(sampling.logprobs, MAX_LOGPROBS) + 1,
  });
}

/** Whether sampling depends on the tokens so far or on biases. */
export function needsTally(sampling: SamplingParams): boolean {
  return sampling.repetitionPenalty !== 1 || sampling.frequencyPenalty !== 0 ||
    sampling.presencePenalty !== 0 || sampling.logitBias.size > 0;
}

/**
 * A row of the tally and its biases, `[vocab]` and `[at most 1024]`: what `sample` must know of the
 * tokens so far. From then on the GPU counts itself. Tokens outside the vocabulary are ignored.
 */
export function buildTally(vocab: number, of: {
  promptTokens: Iterable<number>;
  /** Drawn before, when a preempted row starts again. */
  answerTokens: Iterable<number>;
  logitBias: ReadonlyMap<number, number>;
}): { tally: Uint32Array<ArrayBuffer>; bias: Float32Array<ArrayBuffer> } {
  const tally = new Uint32Array(vocab);
  for (const token of of.promptTokens) tally[token] = PROMPT_BIT;
  for (const token of of.answerTokens) tally[token]++;
  const biases = [...of.logitBias].filter(([token]) => token < vocab);
  if (biases.length > MAX_BIASES) {
    throw new Error(`cannot hold ${biases.length} logit biases: a row takes ${MAX_BIASES}`);
  }
  biases.forEach(([token], i) => tally[token] += (i + 1) * BIAS_UNIT);
  return { tally, bias: Float32Array.from(biases, ([, value]) => value) };
}

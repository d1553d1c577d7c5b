import type { SamplingParams } from "../../core/generation.ts";
import type { Gpu } from "../../gpu/mod.ts";
import { ROW_PARAMS, ROW_STATE } from "./row_layout.ts";
import {
  buildTally,
  encodeRowParams,
  encodeRowState,
  MAX_BIASES,
  MAX_LOGPROBS,
  needsTally,
  NO_TALLY,
  type RowState,
} from "./row_params.ts";

/** Sizes of the sampling buffers. */
export interface SamplingShape {
  maxBatch: number;
  vocab: number;
  /** The most steps one submission records. */
  maxSteps: number;
}

/** The buffers sampling works on, and the host's small writes into them. */
export class SamplingBuffers {
  readonly shape: SamplingShape;
  /** `RowState` per batch row. */
  readonly states: GPUBuffer;
  /** `RowParams` per batch row. */
  readonly rowParams: GPUBuffer;
  /** u32 `[maxBatch]`: the batch row of the i-th row of logits. */
  readonly sampled: GPUBuffer;
  /** u32 `[maxBatch, vocab]`. */
  readonly tally: GPUBuffer;
  /** f32 `[maxBatch, MAX_BIASES]`. */
  readonly bias: GPUBuffer;
  /** u32 bitmap `[maxBatch, ceil(vocab / 32)]`: tokens that end a row's burst. */
  readonly pause: GPUBuffer;
  /** u32 `[maxSteps, rows]`: the tokens drawn. */
  readonly drawn: GPUBuffer;
  /** (u32 token, f32 log-probability) `[maxSteps, rows, 1 + MAX_LOGPROBS]`. */
  readonly logprobs: GPUBuffer;
  readonly #queue: GPUQueue;

  constructor(gpu: Gpu, shape: SamplingShape) {
    const { maxBatch, vocab, maxSteps } = shape;
    const { buffers } = gpu;
    this.shape = shape;
    this.#queue = gpu.device.queue;
    this.states = buffers.storage("row states", maxBatch * ROW_STATE.bytes);
    this.rowParams = buffers.storage("row params", maxBatch * ROW_PARAMS.bytes);
    this.sampled = buffers.storage("sampled rows", maxBatch * 4);
    this.tally = buffers.storage("token tally", maxBatch * vocab * 4);
    this.bias = buffers.storage("logit biases", maxBatch * MAX_BIASES * 4);
    this.pause = buffers.storage("pause tokens", maxBatch * Math.ceil(vocab / 32) * 4);
    this.drawn = buffers.storage("drawn tokens", maxSteps * maxBatch * 4);
    this.logprobs = buffers.storage("logprobs", maxSteps * maxBatch * (1 + MAX_LOGPROBS) * 8);
  }

  /** Sets what a request keeps for as long as it holds `row`. */
  admit(row: number, request: {
    sampling: SamplingParams;
    promptTokens: Iterable<number>;
    answerTokens: Iterable<number>;
    pauseTokens: Iterable<number>;
  }): void {
    const { vocab } = this.shape;
    const { sampling } = request;
    const tallied = needsTally(sampling);
    this.#write(this.rowParams, row, encodeRowParams(sampling, tallied ? row : NO_TALLY));
    if (tallied) {
      const { tally, bias } = buildTally(vocab, { ...request, logitBias: sampling.logitBias });
      this.#write(this.tally, row, tally);
      // Deno panics when asked to write nothing.
      if (bias.length > 0) this.#queue.writeBuffer(this.bias, row * MAX_BIASES * 4, bias);
    }
    const bitmap = new Uint32Array(Math.ceil(vocab / 32));
    for (const token of request.pauseTokens) bitmap[token >>> 5] |= 1 << (token & 31);
    this.#write(this.pause, row, bitmap);
  }

  setState(row: number, state: RowState): void {
    this.#write(this.states, row, encodeRowState(state));
  }

  /** The i-th row of logits belongs to batch row `rows[i]`. */
  setSampled(rows: Uint32Array<ArrayBuffer>): void {
    this.#queue.writeBuffer(this.sampled, 0, rows);
  }

  #write(buffer: GPUBuffer, row: number, values: ArrayBufferView<ArrayBuffer>): void {
    this.#queue.writeBuffer(buffer, row * values.byteLength, values);
  }
}

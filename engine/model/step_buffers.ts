import type { ModelConfig } from "../core/model_config.ts";
import type { Gpu } from "../gpu/mod.ts";
import { decodeSpans, partsLength, ResidualStream, type TokenPlaces } from "../kernels/mod.ts";

/** How large a step can be. */
export interface StepShape {
  /** Prefill tokens of a step at most. */
  maxPrefillTokens: number;
  /** Batch rows. */
  maxBatch: number;
  maxModelLen: number;
  /** Blocks of a row's table. */
  maxBlocks: number;
}

/** A kind of step's tokens: ids (u32) and places. */
export interface TokenBuffers extends TokenPlaces {
  /** u32 `[tokens]` token ids. */
  tokens: GPUBuffer;
}

/** Everything between the layers' weights: inputs, activations (f32) and outputs of a step. */
export interface StepBuffers {
  prefill: TokenBuffers;
  decode: TokenBuffers;
  /** `[tokens, hidden]`. */
  stream: ResidualStream;
  /** `[tokens, hidden]`: the stream of prompts, normalised. */
  normed: GPUBuffer;
  /** `[tokens, (heads + 2·kvHeads)·headDim]`. */
  qkv: GPUBuffer;
  /** `[tokens, heads·headDim]`. */
  attended: GPUBuffer;
  /** `[tokens, 2·intermediate]`; decoding rows use it only where the matrix is in parts. */
  gateUp: GPUBuffer;
  /** `[tokens, intermediate]`. */
  activated: GPUBuffer;
  /** Scratch of split attention. */
  parts: GPUBuffer;
  /** u32 `[maxBatch]`: the prefill token that each sampled row ends with. */
  picks: GPUBuffer;
  /** `[maxBatch, hidden]`: what the head sees. */
  final: GPUBuffer;
  /** `[maxBatch, vocab]`. */
  logits: GPUBuffer;
}

export function createStepBuffers(gpu: Gpu, config: ModelConfig, shape: StepShape): StepBuffers {
  const { maxPrefillTokens, maxBatch, maxModelLen, maxBlocks } = shape;
  const tokens = Math.max(maxPrefillTokens, maxBatch);
  const f32 = (label: string, ...sizes: number[]) =>
    gpu.buffers.storage(label, 4 * sizes.reduce((a, b) => a * b));
  const blockTables = f32("block tables", maxBatch, maxBlocks);
  const tokenBuffers = (kind: string, count: number): TokenBuffers => ({
    tokens: f32(`${kind} tokens`, count),
    positions: f32(`${kind} positions`, count),
    rows: f32(`${kind} rows`, count),
    blockTables,
  });
  const { hiddenSize, intermediateSize, headDim, numHeads, numKvHeads, vocabSize } = config;
  const { spans } = decodeSpans(maxModelLen);
  return {
    prefill: tokenBuffers("prefill", maxPrefillTokens),
    decode: tokenBuffers("decode", maxBatch),
    stream: new ResidualStream(gpu, { tokens, decodeRows: maxBatch, width: hiddenSize }),
    normed: f32("normed", tokens, hiddenSize),
    qkv: f32("qkv", tokens, (numHeads + 2 * numKvHeads) * headDim),
    attended: f32("attended", tokens, numHeads * headDim),
    gateUp: f32("gate, up", tokens, 2 * intermediateSize),
    activated: f32("activated", tokens, intermediateSize),
    parts: f32("attention parts", partsLength(config, { tokens: maxBatch, spans })),
    picks: f32("picks", maxBatch),
    final: f32("final", maxBatch, hiddenSize),
    logits: f32("logits", maxBatch, vocabSize),
  };
}

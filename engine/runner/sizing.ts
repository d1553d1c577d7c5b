import { type Projection, PROJECTIONS, projectionShape } from "../core/adapter_weights.ts";
import { WeftError } from "../core/errors.ts";
import type { ModelConfig } from "../core/model_config.ts";
import { BLOCK_SIZE } from "../scheduler/mod.ts";

/** What an operator may ask for; what is left out follows from the model and the memory. */
export interface SizingOptions {
  maxBatch?: number;
  maxModelLen?: number;
  kvMemoryBytes?: number;
  maxAdapters?: number;
  maxLoraRank?: number;
}

/** What is there. */
export interface SizingFacts {
  config: ModelConfig;
  /** Bytes of a stored weight or cache element. */
  elementBytes: number;
  weightBytes: number;
  /** Device memory that may be used, or null when the device does not tell. */
  memoryBytes: number | null;
  /** The most one storage binding holds. */
  maxBindingBytes: number;
}

/** How large everything is. */
export interface Sizing {
  maxBatch: number;
  maxModelLen: number;
  numBlocks: number;
  kvBytes: number;
  maxAdapters: number;
  maxLoraRank: number;
  /** Rank rows of each projection's pool. */
  rankRows: number;
  adapterBytes: number;
  /** Weights, cache, adapters and activations together. */
  totalBytes: number;
  maxPrefillTokens: number;
  maxBurst: number;
}

const DEFAULT_BATCH = 32;
const DEFAULT_MODEL_LEN = 8192;
const DEFAULT_ADAPTERS = 32;
/** The largest rank of an adapter where nothing else is configured. */
export const DEFAULT_MAX_LORA_RANK = 64;
/** Rows an adapter takes on average; most have rank 8 to 16. */
const ROWS_PER_ADAPTER = 16;
const MAX_PREFILL_TOKENS = 512;
const MAX_BURST = 4;
/** Without knowledge of the device's memory the cache stays within this. */
const UNKNOWN_MEMORY_KV_BYTES = 4 * 2 ** 30;

/**
 * Sizes the engine. Throws WeftError("unsupported") saying what is needed and what is there when the
 * model, or one sequence of `maxModelLen`, does not fit.
 */
export function sizeEngine(options: SizingOptions, facts: SizingFacts): Sizing {
  const { config, memoryBytes } = facts;
  const maxBatch = options.maxBatch ?? DEFAULT_BATCH;
  const maxModelLen = options.maxModelLen ??
    Math.min(config.maxPositionEmbeddings, DEFAULT_MODEL_LEN);
  if (maxModelLen > config.maxPositionEmbeddings) {
    throw new WeftError(
      "unsupported",
      `Cannot serve contexts of ${maxModelLen} tokens: the model has ${config.maxPositionEmbeddings} positions (--max-model-len)`,
    );
  }
  const maxAdapters = options.maxAdapters ?? DEFAULT_ADAPTERS;
  const maxLoraRank = options.maxLoraRank ?? DEFAULT_MAX_LORA_RANK;
  const rankRows = rowsThatFit(facts, Math.max(maxAdapters * ROWS_PER_ADAPTER, maxLoraRank));
  if (rankRows < maxLoraRank) {
    throw new WeftError(
      "unsupported",
      `Cannot hold adapters of rank ${maxLoraRank}: a storage binding of ${
        bytes(facts.maxBindingBytes)
      } holds ${rankRows} rank rows (--max-lora-rank)`,
    );
  }
  const adapterBytes = adapterPoolBytes(facts, rankRows);
  const fixed = facts.weightBytes + adapterBytes +
    activationBytes(config, { maxBatch, maxModelLen });

  const blockBytes = 2 * config.numLayers * config.numKvHeads * BLOCK_SIZE * config.headDim *
    facts.elementBytes;
  const perSequence = Math.ceil(maxModelLen / BLOCK_SIZE);
  const left = memoryBytes === null ? null : memoryBytes - fixed;
  const asked = options.kvMemoryBytes ?? Math.min(
    maxBatch * perSequence * blockBytes,
    left ?? UNKNOWN_MEMORY_KV_BYTES,
  );
  const perBinding = Math.floor(
    facts.maxBindingBytes /
      (config.numKvHeads * BLOCK_SIZE * config.headDim * facts.elementBytes),
  );
  const numBlocks = Math.min(
    Math.floor(asked / blockBytes),
    perBinding,
    maxBatch * perSequence,
  );
  if (numBlocks < perSequence || (left !== null && numBlocks * blockBytes > left)) {
    const needed = Math.max(numBlocks, perSequence) * blockBytes;
    throw new WeftError(
      "unsupported",
      `Cannot fit the model: ${bytes(facts.weightBytes)} of weights, ${
        bytes(fixed - facts.weightBytes)
      } of adapters and activations, and ${
        bytes(needed)
      } of KV cache (contexts of ${maxModelLen}) need ${bytes(fixed + needed)}; there is ${
        memoryBytes === null ? `a KV cache of ${bytes(asked)}` : bytes(memoryBytes)
      }. Lower --max-model-len, --max-batch or --max-adapters, or choose --dtype f16`,
    );
  }
  const kvBytes = numBlocks * blockBytes;
  return {
    maxBatch,
    maxModelLen,
    numBlocks,
    kvBytes,
    maxAdapters,
    maxLoraRank,
    rankRows,
    adapterBytes,
    totalBytes: fixed + kvBytes,
    maxPrefillTokens: Math.min(MAX_PREFILL_TOKENS, maxModelLen),
    maxBurst: MAX_BURST,
  };
}

/** f32 activations of a step; see StepBuffers. */
function activationBytes(
  config: ModelConfig,
  { maxBatch, maxModelLen }: { maxBatch: number; maxModelLen: number },
): number {
  const tokens = Math.max(Math.min(MAX_PREFILL_TOKENS, maxModelLen), maxBatch);
  const width = 2 * config.hiddenSize + 3 * config.intermediateSize +
    (2 * config.numHeads + 2 * config.numKvHeads) * config.headDim;
  return 4 * (tokens * width + 2 * maxBatch * config.vocabSize + maxModelLen * config.headDim);
}

function adapterPoolBytes({ config, elementBytes }: SizingFacts, rankRows: number): number {
  const perRow = PROJECTIONS.reduce((sum, projection) => {
    const { inSize, outSize } = projectionShape(config, projection);
    return sum + inSize + outSize;
  }, 0);
  return config.numLayers * rankRows * perRow * elementBytes;
}

/** A group's rows of A, and of B, must fit one binding. */
function rowsThatFit(
  { config, elementBytes, maxBindingBytes }: SizingFacts,
  wanted: number,
): number {
  const groups: Projection[][] = [["q", "k", "v"], ["o"], ["gate", "up"], ["down"]];
  const widest = Math.max(...groups.flatMap((group) => {
    const shapes = group.map((projection) => projectionShape(config, projection));
    return [
      shapes.reduce((sum, { inSize }) => sum + inSize, 0),
      shapes.reduce((sum, { outSize }) => sum + outSize, 0),
    ];
  }));
  return Math.min(wanted, Math.floor(maxBindingBytes / (widest * elementBytes)));
}

function bytes(count: number): string {
  return count < 2 ** 30
    ? `${Math.ceil(count / 2 ** 20)} MiB`
    : `${(count / 2 ** 30).toFixed(1)} GiB`;
}

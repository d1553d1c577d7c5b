import {
  MAX_MIXTURE,
  type Projection,
  PROJECTIONS,
  projectionShape,
} from "../core/adapter_weights.ts";
import { WeftError } from "../core/errors.ts";
import type { ModelConfig } from "../core/model_config.ts";
import { decodeSpans, MAX_BIASES, partsLength } from "../kernels/mod.ts";
import { BLOCK_SIZE } from "../scheduler/mod.ts";

/** What an operator may ask for; what is left out follows from the model and the memory. */
export interface SizingOptions {
  maxBatch?: number;
  maxModelLen?: number;
  kvMemoryBytes?: number;
  maxAdapters?: number;
  maxLoraRank?: number;
  /** Prompt tokens of a step at most; by the device where left out. */
  maxPrefillTokens?: number;
  /** Device memory to stay within; measured where left out. */
  gpuMemoryBytes?: number;
}

/** What is there. */
export interface SizingFacts {
  config: ModelConfig;
  /** Bytes of an element of the cache or of an adapter. */
  elementBytes: number;
  weightBytes: number;
  /** Device memory that may be used, or null for a plan without regard to it. */
  memoryBytes: number | null;
  /** The KV cache is no larger than this (but for one full context) unless it was asked for. */
  defaultKvBytes: number;
  defaultPrefillTokens: number;
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
const DEFAULT_MAX_LORA_RANK = 64;
/** Rows an adapter takes on average; most have rank 8 to 16. */
const ROWS_PER_ADAPTER = 16;
const MAX_BURST = 4;
/** Uniforms, read-back and the many small buffers. */
const FIXED_BYTES = 6 * 2 ** 20;

/**
 * Sizes the engine.
 *
 * @throws {WeftError} `unsupported`, saying what is needed and what is there, when the model, or one
 * sequence of `maxModelLen`, does not fit.
 */
export function sizeEngine(options: SizingOptions, facts: SizingFacts): Sizing {
  const { config } = facts;
  const maxBatch = options.maxBatch ?? DEFAULT_BATCH;
  const maxModelLen = options.maxModelLen ??
    Math.min(config.maxPositionEmbeddings, DEFAULT_MODEL_LEN);
  if (maxModelLen > config.maxPositionEmbeddings) {
    throw new WeftError(
      "unsupported",
      `Cannot serve contexts of ${maxModelLen} tokens: the model has ${config.maxPositionEmbeddings} positions (--max-model-len)`,
    );
  }
  const maxPrefillTokens = Math.min(
    options.maxPrefillTokens ?? facts.defaultPrefillTokens,
    maxModelLen,
  );
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
  const logitBytes = 4 * maxBatch * config.vocabSize;
  if (logitBytes > facts.maxBindingBytes) {
    throw new WeftError(
      "unsupported",
      `Cannot run ${maxBatch} sequences at once: their logits need ${
        bytes(logitBytes)
      }, a storage binding holds ${bytes(facts.maxBindingBytes)} (--max-batch)`,
    );
  }
  const adapterBytes = adapterPoolBytes(facts, rankRows);
  const fixed = facts.weightBytes + adapterBytes +
    workingBytes(config, { maxBatch, maxModelLen, maxLoraRank, maxPrefillTokens });

  const layerBlockBytes = config.numKvHeads * BLOCK_SIZE * config.headDim * facts.elementBytes;
  const blockBytes = 2 * config.numLayers * layerBlockBytes;
  const perSequence = Math.ceil(maxModelLen / BLOCK_SIZE);
  const context = `one context of ${maxModelLen} tokens needs ${bytes(perSequence * blockBytes)}`;
  const bindable = Math.floor(facts.maxBindingBytes / layerBlockBytes);
  if (bindable < perSequence) {
    throw new WeftError(
      "unsupported",
      `Cannot hold the KV cache: ${context}, storage bindings hold ${
        bytes(bindable * blockBytes)
      } of it (--max-model-len)`,
    );
  }
  const asked = options.kvMemoryBytes;
  if (asked !== undefined && asked < perSequence * blockBytes) {
    throw new WeftError(
      "unsupported",
      `Cannot hold the KV cache in ${bytes(asked)}: ${context} (--kv-memory, --max-model-len)`,
    );
  }
  const left = facts.memoryBytes === null ? Infinity : facts.memoryBytes - fixed;
  const wanted = asked ?? Math.max(facts.defaultKvBytes, perSequence * blockBytes);
  const numBlocks = Math.min(
    Math.floor((asked ?? Math.min(wanted, left)) / blockBytes),
    bindable,
    maxBatch * perSequence,
  );
  if (numBlocks < perSequence || numBlocks * blockBytes > left) {
    const needed = Math.max(numBlocks, perSequence) * blockBytes;
    throw new WeftError(
      "unsupported",
      `Cannot fit the model: ${bytes(facts.weightBytes)} of weights, ${
        bytes(fixed - facts.weightBytes)
      } of adapters and activations, and ${bytes(needed)} of KV cache (${
        asked === undefined ? `one context of ${maxModelLen} tokens` : "--kv-memory"
      }) need ${bytes(fixed + needed)}; there is ${
        bytes(facts.memoryBytes!)
      }. Lower --max-model-len, --max-batch or --max-adapters, or choose --dtype f16 or --quantize int8`,
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
    maxPrefillTokens,
    maxBurst: MAX_BURST,
  };
}

/** What a step works in: activations, sampling, attention's and adapters' scratch, uniforms. */
function workingBytes(
  config: ModelConfig,
  { maxBatch, maxModelLen, maxLoraRank, maxPrefillTokens }: {
    maxBatch: number;
    maxModelLen: number;
    maxLoraRank: number;
    maxPrefillTokens: number;
  },
): number {
  const { hiddenSize, intermediateSize, numHeads, numKvHeads, headDim, vocabSize } = config;
  const tokens = Math.max(maxPrefillTokens, maxBatch);
  const perToken = 2 * hiddenSize + 3 * intermediateSize + 2 * (numHeads + numKvHeads) * headDim +
    9 * MAX_MIXTURE * maxLoraRank;
  const perRow = 2.25 * hiddenSize + 2.1 * vocabSize + maxModelLen / BLOCK_SIZE + MAX_BIASES;
  const parts = partsLength(config, {
    tokens: maxBatch,
    spans: decodeSpans(maxModelLen).spans,
  });
  const elements = tokens * perToken + maxBatch * perRow + parts + maxModelLen * headDim;
  return Math.ceil(4 * elements) + FIXED_BYTES;
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

import { PROJECTIONS, projectionShape } from "../../engine/core/adapter_weights.ts";
import type { ModelConfig } from "../../engine/core/model_config.ts";

/** What a model must move and compute at least, from its shape alone. */
export interface ModelCosts {
  /** Weights of all layers, elements; norms are left out. */
  layerWeights: number;
  /** Of the head, which every drawn token reads whole. */
  headWeights: number;
  /** Elements of keys and values that a position leaves in the cache, all layers. */
  kvElements: number;
}

export function costsOf(config: ModelConfig): ModelCosts {
  const perLayer = PROJECTIONS.reduce((sum, projection) => {
    const { inSize, outSize } = projectionShape(config, projection);
    return sum + inSize * outSize;
  }, 0);
  return {
    layerWeights: config.numLayers * perLayer,
    headWeights: config.vocabSize * config.hiddenSize,
    kvElements: 2 * config.numLayers * config.numKvHeads * config.headDim,
  };
}

/** Bytes of weights and cache that a decode step of `batch` rows reads at least. */
export function decodeBytes(
  config: ModelConfig,
  { batch, contextLength, elementBytes }: {
    batch: number;
    contextLength: number;
    elementBytes: number;
  },
): number {
  const { layerWeights, headWeights, kvElements } = costsOf(config);
  return elementBytes * (layerWeights + headWeights + batch * contextLength * kvElements);
}

/** Floating point operations of a prompt up to its first token; a multiply-add is two. */
export function prefillFlops(config: ModelConfig, tokens: number): number {
  const { layerWeights, headWeights } = costsOf(config);
  const { numLayers, numHeads, headDim } = config;
  const attended = tokens * (tokens + 1) / 2;
  return 2 * (layerWeights * tokens + headWeights) +
    4 * attended * numLayers * numHeads * headDim;
}

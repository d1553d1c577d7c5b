import {
  type AdapterWeights,
  type Projection,
  projectionShape,
} from "../../../engine/core/adapter_weights.ts";
import type { ModelConfig } from "../../../engine/core/model_config.ts";

/** An adapter in every layer, its A and B of what `values` gives for a length. */
export function adapterOf(
  config: ModelConfig,
  { generation, rank, projections }: {
    generation: string;
    rank: number;
    projections: readonly Projection[];
  },
  values: (length: number) => Float32Array,
): AdapterWeights {
  const modules = Array.from(
    { length: config.numLayers },
    (_, layer) =>
      projections.map((projection) => {
        const { inSize, outSize } = projectionShape(config, projection);
        const a = values(rank * inSize);
        return { layer, projection, rank, scale: 1, a, b: values(outSize * rank) };
      }),
  ).flat();
  return { generation, maxRank: rank, modules };
}

/** A whole number that follows from a name. */
export function hashOf(text: string): number {
  return [...text].reduce((hash, c) => Math.imul(hash ^ c.charCodeAt(0), 0x01000193), 7);
}

/** An adapter of q and v, or of other projections, in every layer whose update is small and its own. */
export function syntheticAdapter(
  config: ModelConfig,
  options: {
    generation: string;
    rank: number;
    magnitude?: number;
    projections?: readonly Projection[];
  },
): AdapterWeights {
  const { generation, rank, magnitude = 0.5, projections = ["q", "v"] } = options;
  let state = hashOf(generation);
  const values = (count: number) =>
    Float32Array.from({ length: count }, () => {
      state = Math.imul(state, 1664525) + 1013904223 | 0;
      return magnitude * state / 2 ** 31;
    });
  return adapterOf(config, { generation, rank, projections }, values);
}

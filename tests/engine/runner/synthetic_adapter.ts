import {
  type AdapterWeights,
  type Projection,
  projectionShape,
} from "../../../engine/core/adapter_weights.ts";
import type { ModelConfig } from "../../../engine/core/model_config.ts";

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
  let state = [...generation].reduce((hash, c) => Math.imul(hash ^ c.charCodeAt(0), 0x01000193), 7);
  const values = (count: number) =>
    Float32Array.from({ length: count }, () => {
      state = Math.imul(state, 1664525) + 1013904223 | 0;
      return magnitude * state / 2 ** 31;
    });
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

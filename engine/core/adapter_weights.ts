import type { ModelConfig } from "./model_config.ts";

/** The projections of a decoder layer that an adapter can change, in the order used everywhere. */
export const PROJECTIONS = ["q", "k", "v", "o", "gate", "up", "down"] as const;
export type Projection = typeof PROJECTIONS[number];

/** The most adapters one sequence's mixture can hold. */
export const MAX_MIXTURE = 8;

/** One adapted projection of one layer: `y += weight · scale · B (A x)`. */
export interface AdapterModule {
  layer: number;
  projection: Projection;
  rank: number;
  /** α/r, or α/√r with rsLoRA. */
  scale: number;
  /** A as PEFT stores it, row-major `[rank, in]`, f32. */
  a: Float32Array;
  /** B as PEFT stores it, row-major `[out, rank]`, f32. */
  b: Float32Array;
}

/** A checked adapter in host memory, ready for the GPU. */
export interface AdapterWeights {
  /** The immutable content's identity: sha256 (hex) over configuration and tensors. */
  generation: string;
  /** The largest rank of any module. */
  maxRank: number;
  /** At most one module per (layer, projection). */
  modules: readonly AdapterModule[];
}

/** Input and output widths of a projection, in elements. */
export function projectionShape(
  config: ModelConfig,
  projection: Projection,
): { inSize: number; outSize: number } {
  const hidden = config.hiddenSize;
  const qSize = config.numHeads * config.headDim;
  const kvSize = config.numKvHeads * config.headDim;
  switch (projection) {
    case "q":
      return { inSize: hidden, outSize: qSize };
    case "k":
    case "v":
      return { inSize: hidden, outSize: kvSize };
    case "o":
      return { inSize: qSize, outSize: hidden };
    case "gate":
    case "up":
      return { inSize: hidden, outSize: config.intermediateSize };
    case "down":
      return { inSize: config.intermediateSize, outSize: hidden };
  }
}

import type { ModelConfig } from "./model_config.ts";

/** The projections of a decoder layer that an adapter can change, in the order used everywhere. */
export const PROJECTIONS = ["q", "k", "v", "o", "gate", "up", "down"] as const;
export type Projection = typeof PROJECTIONS[number];

/** The most adapters one sequence's mixture can hold. */
export const MAX_MIXTURE = 8;

/** What is known of an adapted projection of one layer without its tensors. */
export interface ModuleShape {
  layer: number;
  projection: Projection;
  rank: number;
  /** α/r, or α/√r with rsLoRA. */
  scale: number;
}

/** One adapted projection of one layer: `y += weight · scale · B (A x)`. */
export interface AdapterModule extends ModuleShape {
  /** A as PEFT stores it, row-major `[rank, in]`, f32. */
  a: Float32Array;
  /** B as PEFT stores it, row-major `[out, rank]`, f32. */
  b: Float32Array;
}

/** What must be known of an adapter to give it its place on the GPU. */
export interface AdapterHeader {
  /** The largest rank of any module. */
  maxRank: number;
  /** At most one module per (layer, projection). */
  modules: readonly ModuleShape[];
}

/** A checked adapter in host memory, ready for the GPU. */
export interface AdapterWeights extends AdapterHeader {
  /** The immutable content's identity: sha256 (hex) over configuration and tensors. */
  generation: string;
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

import type { ModelConfig } from "../core/model_config.ts";
import type { BoundKernel, Recorder } from "../gpu/mod.ts";
import wgsl from "./rope_kv.wgsl" with { type: "text" };
import type { KernelSet } from "./variants.ts";

/** Where a step's tokens stand. All u32; a row of 0xffffffff marks a token to skip. */
export interface TokenPlaces {
  /** `[tokens]` position in the sequence. */
  positions: GPUBuffer;
  /** `[tokens]` batch row. */
  rows: GPUBuffer;
  /** `[maxBatch, maxBlocks]` KV block of every 16 positions of a row. */
  blockTables: GPUBuffer;
}

/** One layer's paged cache, `[blocks, kvHeads, 16, headDim]` in the kernel set's dtype. */
export interface KvCache {
  k: GPUBuffer;
  v: GPUBuffer;
}

/** Rotary position embedding (Su et al., arXiv 2104.09864) of q and k, and the write to the cache. */
export class RopeKv {
  readonly #bound: BoundKernel;
  readonly #heads: number;

  /**
   * `x` is f32 `[tokens, (heads + 2·kvHeads)·headDim]`; `rotation` is `rotationTable()`'s;
   * `headNorm` f32 `[2·headDim]` (q's weight, then k's) is given for models that normalise heads.
   */
  constructor(
    kernels: KernelSet,
    buffers: {
      x: GPUBuffer;
      places: TokenPlaces;
      rotation: GPUBuffer;
      headNorm?: GPUBuffer;
      cache: KvCache;
    },
    options: { config: ModelConfig; maxBlocks: number; uniforms: GPUBuffer },
  ) {
    const { x, places, rotation, headNorm, cache } = buffers;
    const { config, maxBlocks, uniforms } = options;
    this.#bound = kernels.get("rope_kv", wgsl, { HEAD_NORM: headNorm ? 1 : 0 }).bind(
      {
        x,
        positions: places.positions,
        rows: places.rows,
        block_tables: places.blockTables,
        rotation,
        head_norm: headNorm ?? kernels.empty,
        k_cache: cache.k,
        v_cache: cache.v,
      },
      uniforms,
      {
        heads: config.numHeads,
        kv_heads: config.numKvHeads,
        dim4: config.headDim / 4,
        max_blocks: maxBlocks,
        eps: config.rmsNormEps,
      },
    );
    this.#heads = config.numHeads + 2 * config.numKvHeads;
  }

  record(recorder: Recorder, tokens: number): void {
    this.#bound.dispatch(recorder, {}, [this.#heads, tokens]);
  }
}

/**
 * Cosines and sines `[positions, headDim/2 ++ headDim/2]`, computed in double precision from f32
 * angles as the reference implementations do. The scaling "llama3" is Meta's for Llama 3.1.
 */
export function rotationTable(config: ModelConfig, positions: number): Float32Array<ArrayBuffer> {
  const half = config.headDim / 2;
  const frequencies = inverseFrequencies(config);
  const table = new Float32Array(positions * config.headDim);
  for (let position = 0; position < positions; position++) {
    const base = position * config.headDim;
    for (let i = 0; i < half; i++) {
      const angle = Math.fround(position * frequencies[i]);
      table[base + i] = Math.cos(angle);
      table[base + half + i] = Math.sin(angle);
    }
  }
  return table;
}

function inverseFrequencies(config: ModelConfig): Float32Array {
  const { headDim, ropeTheta, ropeScaling } = config;
  return Float32Array.from({ length: headDim / 2 }, (_, i) => {
    const frequency = 1 / ropeTheta ** (2 * i / headDim);
    switch (ropeScaling.kind) {
      case "none":
        return frequency;
      case "linear":
        return frequency / ropeScaling.factor;
      case "llama3": {
        const { factor, lowFreqFactor, highFreqFactor, originalMaxPositionEmbeddings } =
          ropeScaling;
        const turns = originalMaxPositionEmbeddings * frequency / (2 * Math.PI);
        if (turns < lowFreqFactor) return frequency / factor;
        if (turns > highFreqFactor) return frequency;
        const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
        return (1 - smooth) * frequency / factor + smooth * frequency;
      }
    }
  });
}

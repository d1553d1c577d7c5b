import {
  type AdapterWeights,
  type Projection,
  PROJECTIONS,
} from "../../engine/core/adapter_weights.ts";
import type { ModelConfig } from "../../engine/core/model_config.ts";
import { adapterOf, hashOf } from "../../tests/engine/runner/synthetic_adapter.ts";

const DEVIATION = 0.02;
/** A and B are cut from this many values; prime, so that no two modules start alike. */
const POOL = 1_048_573;

let pool: Float32Array | null = null;

/** An adapter of random values on all projections of all layers, or on some projections. */
export function randomAdapter(
  config: ModelConfig,
  { generation, rank, projections = PROJECTIONS }: {
    generation: string;
    rank: number;
    projections?: readonly Projection[];
  },
): AdapterWeights {
  pool ??= randomValues(POOL);
  let at = (hashOf(generation) >>> 0) % POOL;
  const values = (length: number) => {
    const cut = Float32Array.from({ length }, (_, i) => pool![(at + i) % POOL]);
    at = (at + length) % POOL;
    return cut;
  };
  return adapterOf(config, { generation, rank, projections }, values);
}

function randomValues(length: number): Float32Array {
  let state = 0x9e3779b9;
  return Float32Array.from({ length }, () => {
    state = Math.imul(state, 1664525) + 1013904223 | 0;
    return DEVIATION * state / 2 ** 31;
  });
}

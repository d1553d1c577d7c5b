import type { ModelConfig } from "../core/model_config.ts";
import type { BoundKernel, Recorder } from "../gpu/mod.ts";
import combineWgsl from "./attention_combine.wgsl" with { type: "text" };
import lanesWgsl from "./attention_lanes.wgsl" with { type: "text" };
import lanesCore from "./attention_lanes_core.wgsl" with { type: "text" };
import headsWgsl from "./attention_heads.wgsl" with { type: "text" };
import wgsl from "./attention.wgsl" with { type: "text" };
import spanWgsl from "./decode_span.wgsl" with { type: "text" };
import type { KvCache, TokenPlaces } from "./rope_kv.ts";
import type { KernelSet } from "./variants.ts";

const KEYS = 64;
const MAX_GROUP = 8;
/** Keys of a decode span: long contexts are cut so that several workgroups share them. */
const MIN_SPAN_CHUNKS = 4;
const MAX_SPANS = 64;

/**
 * Query heads that a workgroup takes, all of one key-value head: `size`, which a variant is compiled
 * for, and how many such groups there are.
 */
export function headGroups({ numHeads, numKvHeads }: ModelConfig): { size: number; count: number } {
  const perKv = numHeads / numKvHeads;
  const size = [1, 2, 4].find((size) => size >= perKv) ?? MAX_GROUP;
  return { size, count: numKvHeads * Math.ceil(perKv / size) };
}

/** How contexts up to `maxModelLen` are cut: fixed per engine, so that sums never depend on the batch. */
export function decodeSpans(maxModelLen: number): { chunks: number; spans: number } {
  const all = Math.ceil(maxModelLen / KEYS);
  const chunks = Math.max(MIN_SPAN_CHUNKS, Math.ceil(all / MAX_SPANS));
  return { chunks, spans: Math.ceil(all / chunks) };
}

/** f32 elements of the scratch that joins the spans of `tokens` tokens. */
export function partsLength(
  config: ModelConfig,
  options: { tokens: number; spans: number },
): number {
  return options.tokens * config.numHeads * options.spans * (config.headDim + 4);
}

/** Whether lanes can have keys of their own: a subgroup must hold a head's values, 8 elements a lane. */
export function canSplitKeys(
  { headDim }: ModelConfig,
  { hasSubgroups, lanes }: KernelSet,
): boolean {
  return hasSubgroups && headDim % 8 === 0 && lanes % (headDim / 8) === 0;
}

/**
 * Grouped-query attention of decoding rows over the paged cache: a context is cut into spans that run
 * side by side (Flash-Decoding).
 */
export class Attention {
  readonly #attend: BoundKernel;
  readonly #combine: BoundKernel;
  readonly #config: ModelConfig;
  /** Of a span. */
  readonly #chunks: number;
  readonly #groups: number;

  /** `x` is RopeKv's; `y` is f32 `[tokens, heads·headDim]`; `parts` has `partsLength()` elements. */
  constructor(
    kernels: KernelSet,
    buffers: {
      x: GPUBuffer;
      places: TokenPlaces;
      cache: KvCache;
      y: GPUBuffer;
      parts: GPUBuffer;
    },
    options: {
      config: ModelConfig;
      maxBlocks: number;
      maxModelLen: number;
      uniforms: GPUBuffer;
      /** Whether each lane has keys of its own, as is best on a CPU: see `canSplitKeys`. */
      keysPerLane?: boolean;
    },
  ) {
    const { x, places, cache, y, parts } = buffers;
    const { config, maxBlocks, maxModelLen, uniforms } = options;
    const groups = headGroups(config);
    const { positions, rows } = places;
    const { keysPerLane = kernels.gpu.info.isFallback && canSplitKeys(config, kernels) } = options;
    const cut = decodeSpans(maxModelLen);
    const heads = config.numHeads;
    const dim4 = config.headDim / 4;
    const itself = keysPerLane ? [lanesCore, lanesWgsl] : [wgsl];
    const source = [headsWgsl, spanWgsl, ...itself].join("\n");
    this.#attend = kernels.get("attention", source, {
      GROUP: groups.size,
      ...(keysPerLane ? { QUERIES: groups.size } : {}),
      DIM4: dim4,
    }).bind(
      {
        x,
        positions,
        rows,
        block_tables: places.blockTables,
        k_cache: cache.k,
        v_cache: cache.v,
        y,
        parts,
      },
      uniforms,
      {
        ...cut,
        heads,
        kv_heads: config.numKvHeads,
        max_blocks: maxBlocks,
        window: config.slidingWindow,
        scale: 1 / Math.sqrt(config.headDim),
      },
    );
    this.#combine = kernels.get("attention_combine", combineWgsl)
      .bind({ positions, rows, parts, y }, uniforms, { ...cut, heads, dim4 });
    this.#config = config;
    this.#groups = groups.count;
    this.#chunks = cut.chunks;
  }

  /** `contextLength` is the longest context of the step's tokens. */
  record(recorder: Recorder, options: { tokens: number; contextLength: number }): void {
    const { tokens, contextLength } = options;
    const spans = Math.ceil(contextLength / KEYS / this.#chunks);
    this.#attend.dispatch(recorder, {}, [this.#groups, tokens, spans]);
    if (spans > 1) {
      this.#combine.dispatch(recorder, {}, [this.#config.numHeads, tokens]);
    }
  }
}

/** Attention of one query over its context on the host, for tests; a key and a value a position. */
export function attentionReference(
  q: Float32Array,
  keys: readonly Float32Array[],
  values: readonly Float32Array[],
): Float32Array {
  const scores = keys.map((key) =>
    key.reduce((sum, k, d) => sum + k * q[d], 0) / Math.sqrt(q.length)
  );
  const highest = Math.max(...scores);
  const weights = scores.map((score) => Math.exp(score - highest));
  const sum = weights.reduce((a, b) => a + b, 0);
  return q.map((_, d) => values.reduce((y, value, j) => y + weights[j] / sum * value[d], 0));
}

import type { ModelConfig } from "../core/model_config.ts";
import type { BoundKernel, Recorder } from "../gpu/mod.ts";
import { canSplitKeys, headGroups } from "./attention.ts";
import headsWgsl from "./attention_heads.wgsl" with { type: "text" };
import lanesCore from "./attention_lanes_core.wgsl" with { type: "text" };
import lanesWgsl from "./prompt_attention_lanes.wgsl" with { type: "text" };
import tileWgsl from "./prompt_tile.wgsl" with { type: "text" };
import wgsl from "./prompt_attention.wgsl" with { type: "text" };
import type { KvCache, TokenPlaces } from "./rope_kv.ts";
import type { KernelSet } from "./variants.ts";

const KEYS = 64;
/** Queries of a workgroup, the most first: tokens times heads. */
const QUERIES = [16, 8];
/** The same where lanes have keys of their own. */
const QUERIES_OF_LANES = 8;
/** Workgroup memory beside the queries' own: sums of lanes on devices without subgroups. */
const OTHER_BYTES = 4096;

/** Grouped-query attention of prompts over the paged cache, several tokens at once. */
export class PromptAttention {
  readonly #bound: BoundKernel;
  readonly #groups: number;
  readonly #tile: number;

  /**
   * `x` is RopeKv's; `y` is f32 `[tokens, heads·headDim]`. A row's tokens follow each other, in `places`
   * as in their text.
   */
  constructor(
    kernels: KernelSet,
    buffers: { x: GPUBuffer; places: TokenPlaces; cache: KvCache; y: GPUBuffer },
    options: {
      config: ModelConfig;
      maxBlocks: number;
      uniforms: GPUBuffer;
      /** Whether each lane has keys of its own, as is best on a CPU: see `canSplitKeys`. */
      keysPerLane?: boolean;
    },
  ) {
    const { x, places, cache, y } = buffers;
    const { config, maxBlocks, uniforms } = options;
    const { keysPerLane = kernels.gpu.info.isFallback && canSplitKeys(config, kernels) } = options;
    const groups = headGroups(config);
    const queries = keysPerLane ? QUERIES_OF_LANES : queriesFor(config, kernels);
    const itself = keysPerLane ? [lanesCore, lanesWgsl] : [wgsl];
    const source = [headsWgsl, tileWgsl, ...itself].join("\n");
    const { positions, rows, blockTables: block_tables } = places;
    this.#tile = queries / groups.size;
    this.#groups = groups.count;
    this.#bound = kernels.get("prompt_attention", source, {
      GROUP: groups.size,
      TILE: this.#tile,
      QUERIES: queries,
      DIM4: config.headDim / 4,
    }).bind({ x, positions, rows, block_tables, k_cache: cache.k, v_cache: cache.v, y }, uniforms, {
      heads: config.numHeads,
      kv_heads: config.numKvHeads,
      max_blocks: maxBlocks,
      window: config.slidingWindow,
      scale: 1 / Math.sqrt(config.headDim),
    });
  }

  record(recorder: Recorder, tokens: number): void {
    const grid = [this.#groups, Math.ceil(tokens / this.#tile)] as const;
    this.#bound.dispatch(recorder, { tokens }, grid);
  }
}

/** As many as workgroup memory has room for. */
function queriesFor(config: ModelConfig, { gpu }: KernelSet): number {
  const room = gpu.limits.maxComputeWorkgroupStorageSize - OTHER_BYTES;
  return QUERIES.find((count) => count * queryBytes(config) <= room) ?? QUERIES.at(-1)!;
}

/** Workgroup memory of a query: itself, its values, its scores of a chunk, three numbers. */
function queryBytes({ headDim }: ModelConfig): number {
  return 4 * (2 * headDim + KEYS + 3);
}

import type { ProductTileName, TilePlan } from "../core/tuning.ts";
import type { BoundKernel, Recorder } from "../gpu/mod.ts";
import { FewTokenLinear } from "./few_token_linear.ts";
import type { Matrix } from "./matrix.ts";
import { defaultTilePlan, PRODUCT_TILES, type ProductTile, tileOf } from "./product_tiles.ts";
import type { KernelSet } from "./variants.ts";

/** `x` f32 `[tokens, cols]`, `y` f32 `[tokens, rows]`. */
export interface ManyTokenBuffers {
  x: GPUBuffer;
  weight: Matrix;
  /** f32 `[rows]`. */
  bias?: GPUBuffer;
  y: GPUBuffer;
}

interface ManyTokenOptions {
  uniforms: GPUBuffer;
  accumulate?: boolean;
  tiles?: TilePlan;
}

/**
 * A projection of a prompt's tokens: `y = W x (+ bias)`, or `y += W x (+ bias)` with `accumulate`. A tile
 * adds up the width in the same order for any token, and all tiles of one plan do so in one order: a
 * token's result depends neither on its neighbours nor on how many they are.
 */
export class ManyTokenLinear {
  readonly #kernels: KernelSet;
  readonly #buffers: ManyTokenBuffers;
  readonly #options: ManyTokenOptions;
  readonly #plan: TilePlan;
  readonly #bound = new Map<ProductTile, BoundKernel[]>();
  #lanes: FewTokenLinear | null = null;

  constructor(kernels: KernelSet, buffers: ManyTokenBuffers, options: ManyTokenOptions) {
    this.#kernels = kernels;
    this.#buffers = buffers;
    this.#options = options;
    this.#plan = options.tiles ?? defaultTilePlan(kernels);
  }

  record(recorder: Recorder, tokens: number): void {
    if (tokens === 0) return;
    const planned = tileOf(this.#plan, tokens);
    const name = this.fits(planned) ? planned : "4x4";
    if (name === "lanes") {
      this.#lanes ??= new FewTokenLinear(this.#kernels, this.#buffers, {
        ...this.#options,
        share: "lanes",
        oneKernel: true,
      });
      this.#lanes.record(recorder, { tokens });
    } else {
      this.#recordTiles(recorder, tokens, PRODUCT_TILES[name]);
    }
  }

  /** Whether matrix and device allow a tile; where they don't, another takes its place. */
  fits(name: ProductTileName): boolean {
    if (name === "lanes") return this.#kernels.hasSubgroups;
    const { rowsInFours, bytes } = PRODUCT_TILES[name];
    const { maxComputeWorkgroupStorageSize: most } = this.#kernels.gpu.limits;
    const { shards } = this.#buffers.weight;
    const isInFours = shards.every(({ firstRow, rows }) => firstRow % 4 === 0 && rows % 4 === 0);
    return bytes <= most && (isInFours || !rowsInFours);
  }

  #recordTiles(recorder: Recorder, tokens: number, tile: ProductTile): void {
    const { cols, rows: stride, shards } = this.#buffers.weight;
    this.#bind(tile).forEach((kernel, i) => {
      const { rows, firstRow: first } = shards[i];
      const grid = [Math.ceil(rows / tile.rows), Math.ceil(tokens / tile.tokens)] as const;
      kernel.dispatch(recorder, { rows, width4: cols / 4, tokens, stride, first }, grid);
    });
  }

  /** One bound kernel per shard, made on first use. */
  #bind(tile: ProductTile): BoundKernel[] {
    let bound = this.#bound.get(tile);
    if (!bound) {
      const { x, y, bias, weight } = this.#buffers;
      const { accumulate, uniforms } = this.#options;
      const constants = {
        ...tile.constants,
        ACCUMULATE: accumulate ? 1 : 0,
        HAS_BIAS: bias ? 1 : 0,
      };
      const label = `matmul ${tile.rows}x${tile.tokens}`;
      const kernel = this.#kernels.get(label, tile.wgsl, constants, weight.format);
      bound = weight.shards.map(({ buffer }) =>
        kernel.bind({ x, y, weight: buffer, bias: bias ?? this.#kernels.empty }, uniforms)
      );
      this.#bound.set(tile, bound);
    }
    return bound;
  }
}

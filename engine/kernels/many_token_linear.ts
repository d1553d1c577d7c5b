import type { ProductTileName, TilePlan } from "../core/tuning.ts";
import type { BoundKernel, Recorder } from "../gpu/mod.ts";
import type { Matrix } from "./matrix.ts";
import { defaultTilePlan, PRODUCT_TILES, tileOf } from "./product_tiles.ts";
import type { KernelSet } from "./variants.ts";

/** `x` f32 `[tokens, cols]`, `y` f32 `[tokens, rows]`. */
export interface ManyTokenBuffers {
  x: GPUBuffer;
  weight: Matrix;
  /** f32 `[rows]`. */
  bias?: GPUBuffer;
  y: GPUBuffer;
}

/**
 * A projection of a prompt's tokens: `y = W x (+ bias)`, or `y += W x (+ bias)` with `accumulate`. All
 * tiles add up the width in order, so that a token's result depends neither on its neighbours nor on the
 * tile.
 */
export class ManyTokenLinear {
  readonly #kernels: KernelSet;
  readonly #buffers: ManyTokenBuffers;
  readonly #uniforms: GPUBuffer;
  readonly #constants: Record<string, number>;
  readonly #plan: TilePlan;
  readonly #bound = new Map<ProductTileName, BoundKernel[]>();

  constructor(
    kernels: KernelSet,
    buffers: ManyTokenBuffers,
    options: { uniforms: GPUBuffer; accumulate?: boolean; tiles?: TilePlan },
  ) {
    this.#kernels = kernels;
    this.#buffers = buffers;
    this.#uniforms = options.uniforms;
    this.#plan = options.tiles ?? defaultTilePlan(kernels.gpu.info);
    this.#constants = {
      ACCUMULATE: options.accumulate ? 1 : 0,
      HAS_BIAS: buffers.bias ? 1 : 0,
    };
  }

  record(recorder: Recorder, tokens: number): void {
    if (tokens === 0) return;
    const { cols, rows: stride, shards } = this.#buffers.weight;
    const planned = tileOf(this.#plan, tokens);
    const name = this.fits(planned) ? planned : "4x4";
    const tile = PRODUCT_TILES[name];
    this.#bind(name).forEach((kernel, i) => {
      const { rows, firstRow: first } = shards[i];
      const grid = [Math.ceil(rows / tile.rows), Math.ceil(tokens / tile.tokens)] as const;
      kernel.dispatch(recorder, { rows, width4: cols / 4, tokens, stride, first }, grid);
    });
  }

  /** Whether matrix and device allow a tile; where they don't, another takes its place. */
  fits(name: ProductTileName): boolean {
    const { rowsInFours, bytes } = PRODUCT_TILES[name];
    const { maxComputeWorkgroupStorageSize: most } = this.#kernels.gpu.limits;
    const { shards } = this.#buffers.weight;
    const isInFours = shards.every(({ firstRow, rows }) => firstRow % 4 === 0 && rows % 4 === 0);
    return bytes <= most && (isInFours || !rowsInFours);
  }

  /** One bound kernel per shard, made on first use. */
  #bind(name: ProductTileName): BoundKernel[] {
    let bound = this.#bound.get(name);
    if (!bound) {
      const { x, y, bias, weight } = this.#buffers;
      const { wgsl, constants } = PRODUCT_TILES[name];
      const kernel = this.#kernels.get(
        `matmul ${name}`,
        wgsl,
        { ...this.#constants, ...constants },
        weight.format,
      );
      bound = weight.shards.map(({ buffer }) =>
        kernel.bind({ x, y, weight: buffer, bias: bias ?? this.#kernels.empty }, this.#uniforms)
      );
      this.#bound.set(name, bound);
    }
    return bound;
  }
}

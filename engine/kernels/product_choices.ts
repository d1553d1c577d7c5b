import type { ProductTuning, RowShare, TilePlan } from "../core/tuning.ts";
import type { WeightFormat } from "./format.ts";
import { defaultTilePlan } from "./product_tiles.ts";
import type { KernelSet } from "./variants.ts";

interface MatrixShape {
  rows: number;
  cols: number;
  format: WeightFormat;
}

/** Which variants of the products' kernels a model runs: what was tuned, else what fits the kind of device. */
export class ProductChoices {
  readonly #default: TilePlan;
  readonly #tuned: readonly ProductTuning[];

  constructor(kernels: KernelSet, tuned: readonly ProductTuning[] = []) {
    this.#default = defaultTilePlan(kernels);
    this.#tuned = tuned;
  }

  /** For products with such a matrix; without a share the kernel chooses it by the shape. */
  of(shape: MatrixShape): { tiles: TilePlan; share?: RowShare } {
    const found = this.#find(shape);
    return { tiles: found?.tiles ?? this.#default, share: found?.share };
  }

  /** Whether a shape was tuned. */
  knows(shape: MatrixShape): boolean {
    return this.#find(shape) !== undefined;
  }

  /** Prompts of these many tokens together run every kernel that any prompt runs. */
  get promptSizes(): number[] {
    const plans = [this.#default, ...this.#tuned.map(({ tiles = [] }) => tiles)];
    return [...new Set(plans.flat().map(({ tokens }) => tokens))].sort((a, b) => a - b);
  }

  #find({ rows, cols, format }: MatrixShape): ProductTuning | undefined {
    return this.#tuned.find((tuning) =>
      tuning.rows === rows && tuning.cols === cols && tuning.format === format
    );
  }
}

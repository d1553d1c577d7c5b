import type { ProductTileName, TilePlan } from "../core/tuning.ts";
import matmul from "./matmul.wgsl" with { type: "text" };
import matmulShared from "./matmul_shared.wgsl" with { type: "text" };
import type { KernelSet } from "./variants.ts";

/** A kernel for products of many tokens, and the part of a product that its workgroup computes. */
export interface ProductTile {
  wgsl: string;
  constants: Record<string, number>;
  /** Of a workgroup. */
  rows: number;
  tokens: number;
  /** Workgroup memory. */
  bytes: number;
  /** Whether the matrix must have a whole number of vec4s of rows. */
  rowsInFours: boolean;
}

/** Each invocation reads what it needs: few rows and tokens are enough to keep a device busy. */
function alone(tokens: 4 | 8): ProductTile {
  return {
    wgsl: matmul,
    constants: { TILE_TOKENS: tokens },
    rows: 16 * 4,
    tokens: 4 * tokens,
    bytes: 0,
    rowsInFours: false,
  };
}

/** A workgroup reads for all its invocations, in stretches of 16 columns. */
function shared(rows: 64 | 128, tokens: 32 | 64 | 128): ProductTile {
  const [across, down, quads] = [rows / 8, tokens / 8, 4];
  return {
    wgsl: matmulShared,
    constants: { ACROSS: across, DOWN: down, QUADS: quads },
    rows,
    tokens,
    bytes: 16 * 4 * quads * (2 * across + 1 + 2 * down + 1),
    rowsInFours: true,
  };
}

/** All but the product that decoding rows have. */
export const PRODUCT_TILES: Readonly<Record<Exclude<ProductTileName, "lanes">, ProductTile>> = {
  "4x4": alone(4),
  "4x8": alone(8),
  "64x32": shared(64, 32),
  "64x64": shared(64, 64),
  "128x64": shared(128, 64),
  "128x128": shared(128, 128),
};

/** Where nothing was measured: small tiles for few tokens, of which large ones would be partly empty. */
export function defaultTilePlan({ gpu, hasSubgroups }: KernelSet): TilePlan {
  if (!gpu.info.isFallback) return [{ tokens: 1, tile: "4x4" }, { tokens: 64, tile: "64x64" }];
  if (hasSubgroups) return [{ tokens: 1, tile: "lanes" }];
  return [{ tokens: 1, tile: "4x4" }, { tokens: 32, tile: "4x8" }];
}

export function tileOf(plan: TilePlan, tokens: number): ProductTileName {
  const chosen = plan.findLast((entry) => entry.tokens <= tokens);
  if (!chosen) throw new Error(`The plan has no tile for ${tokens} tokens`);
  return chosen.tile;
}

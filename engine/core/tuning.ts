import type { DeviceInfo } from "./engine.ts";

/**
 * Tiles of prompts' products: rows by tokens, of an invocation (4x4, 4x8) or of a workgroup; or the
 * product of rows that decode, where each lane has rows of its own.
 */
export const PRODUCT_TILE_NAMES = [
  "4x4",
  "4x8",
  "64x32",
  "64x64",
  "128x64",
  "128x128",
  "lanes",
] as const;
export type ProductTileName = typeof PRODUCT_TILE_NAMES[number];

/**
 * How lanes share rows where few tokens are multiplied: so many groups of lanes have a row together, or
 * each lane has rows of its own, which takes subgroups.
 */
export const ROW_SHARES = [1, 2, 4, "lanes"] as const;
export type RowShare = typeof ROW_SHARES[number];

/** Which tile a product of so many tokens or more has, in rising order; the first entry is for 1. */
export type TilePlan = readonly { tokens: number; tile: ProductTileName }[];

/** What was found best for products with matrices of one shape; what is left out follows from the device. */
export interface ProductTuning {
  rows: number;
  cols: number;
  format: "f16" | "f32" | "int8" | "int4";
  /** Of prompts. */
  tiles?: TilePlan;
  share?: RowShare;
}

/** What was measured on one device. */
export interface DeviceTuning {
  /** See `tuningKey`. */
  device: string;
  products: readonly ProductTuning[];
}

/** What devices that may share a tuning have in common. */
export function tuningKey({ vendor, architecture, description }: DeviceInfo): string {
  return [vendor, architecture, description].filter((part) => part !== "").join(" ");
}

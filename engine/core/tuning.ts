import type { DeviceInfo } from "./engine.ts";

/** Tiles of prompts' products: rows by tokens, of an invocation (4x4, 4x8) or of a workgroup. */
export const PRODUCT_TILE_NAMES = ["4x4", "4x8", "64x32", "64x64", "128x64", "128x128"] as const;
export type ProductTileName = typeof PRODUCT_TILE_NAMES[number];

/** Lane groups that may share a row where few tokens are multiplied. */
export const SPLITS = [1, 2, 4] as const;
export type Split = typeof SPLITS[number];

/** Which tile a product of so many tokens or more has, in rising order; the first entry is for 1. */
export type TilePlan = readonly { tokens: number; tile: ProductTileName }[];

/** What was found best for products with matrices of one shape; what is left out follows from the device. */
export interface ProductTuning {
  rows: number;
  cols: number;
  format: "f16" | "f32" | "int8" | "int4";
  /** Of prompts. */
  tiles?: TilePlan;
  split?: Split;
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

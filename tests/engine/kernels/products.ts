import { FewTokenLinear } from "../../../engine/kernels/few_token_linear.ts";
import {
  type ManyTokenBuffers,
  ManyTokenLinear,
} from "../../../engine/kernels/many_token_linear.ts";
import { PRODUCT_TILES, type ProductTileName } from "../../../engine/kernels/product_tiles.ts";
import type { Bench } from "./harness.ts";

/** How a product is computed: for tokens that decode, with so many lane groups a row, or for a prompt's, in tiles. */
export type ProductKind = { split?: number } | { tile: ProductTileName };

export const PRODUCT_KINDS: Record<string, ProductKind> = {
  decode: {},
  "decode, 2 lane groups": { split: 2 },
  "decode, 4 lane groups": { split: 4 },
  ...Object.fromEntries(tileNames().map((tile) => [`prompt, ${tile}`, { tile }])),
};

export function tileNames(): ProductTileName[] {
  return Object.keys(PRODUCT_TILES) as ProductTileName[];
}

/** Records a product of so many tokens. */
export function recordProduct(
  bench: Bench,
  buffers: ManyTokenBuffers,
  { kind, tokens, accumulate }: { kind: ProductKind; tokens: number; accumulate?: boolean },
): void {
  const { kernels, uniforms, recorder } = bench;
  if ("tile" in kind) {
    const tiles = [{ tokens: 1, tile: kind.tile }];
    new ManyTokenLinear(kernels, buffers, { uniforms, accumulate, tiles }).record(recorder, tokens);
  } else {
    const { split } = kind;
    new FewTokenLinear(kernels, buffers, { uniforms, accumulate, split })
      .record(recorder, { tokens });
  }
}

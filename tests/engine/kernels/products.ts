import {
  PRODUCT_TILE_NAMES,
  type ProductTileName,
  type Split,
} from "../../../engine/core/tuning.ts";
import { FewTokenLinear } from "../../../engine/kernels/few_token_linear.ts";
import {
  type ManyTokenBuffers,
  ManyTokenLinear,
} from "../../../engine/kernels/many_token_linear.ts";
import type { Bench } from "./harness.ts";

/** How a product is computed: for tokens that decode, with so many lane groups a row, or for a prompt's, in tiles. */
export type ProductKind = { split?: Split } | { tile: ProductTileName };

export const PRODUCT_KINDS: Record<string, ProductKind> = {
  decode: {},
  "decode, 2 lane groups": { split: 2 },
  "decode, 4 lane groups": { split: 4 },
  ...Object.fromEntries(PRODUCT_TILE_NAMES.map((tile) => [`prompt, ${tile}`, { tile }])),
};

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

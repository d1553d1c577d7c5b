import {
  PRODUCT_TILE_NAMES,
  type ProductTileName,
  ROW_SHARES,
  type RowShare,
} from "../../../engine/core/tuning.ts";
import { FewTokenLinear } from "../../../engine/kernels/few_token_linear.ts";
import {
  type ManyTokenBuffers,
  ManyTokenLinear,
} from "../../../engine/kernels/many_token_linear.ts";
import type { Bench } from "./harness.ts";

/** How a product is computed: for tokens that decode, or for a prompt's. */
export type ProductKind = { share?: RowShare } | { tile: ProductTileName };

export const PRODUCT_KINDS: Record<string, ProductKind> = {
  ...Object.fromEntries(ROW_SHARES.map((share) => [`decode, share ${share}`, { share }])),
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
    const { share } = kind;
    new FewTokenLinear(kernels, buffers, { uniforms, accumulate, share })
      .record(recorder, { tokens });
  }
}

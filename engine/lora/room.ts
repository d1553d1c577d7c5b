import { WeftError } from "../core/errors.ts";
import type { RankRowPool } from "./rank_row_pool.ts";
import { addRows, firstShortage, type RankRows, rankRows } from "./rank_rows.ts";

/** How much room a pool has in all, whoever is there now. */
type PoolSize = Pick<RankRowPool, "maxAdapters" | "rows">;

/** @throws {WeftError} `bad_adapter` (one) or `unsupported` (several) when these could not even be alone. */
export function refuseTooLarge(needs: readonly RankRows[], pool: PoolSize): void {
  const what = needs.length === 1 ? "the adapter" : `${needs.length} adapters together`;
  const code = needs.length === 1 ? "bad_adapter" : "unsupported";
  const need = addRows(needs);
  const short = firstShortage(need, pool.rows);
  if (short !== undefined) {
    throw new WeftError(
      code,
      `Cannot place ${what} on the GPU: needs ${
        need[short]
      } rank rows of ${short}_proj, the pool has ${pool.rows[short]}`,
    );
  }
  if (needs.length > pool.maxAdapters) {
    throw new WeftError(
      code,
      `Cannot place ${what} on the GPU: at most ${pool.maxAdapters} are configured`,
    );
  }
}

/** @throws {WeftError} `overloaded`, reason "gpu_full", when these take more than half of anything. */
export function refuseBeyondHalf(needs: readonly RankRows[], pool: PoolSize): void {
  const slots = Math.floor(pool.maxAdapters / 2);
  if (needs.length > slots) {
    throw gpuFull(`${needs.length} would be held, at most ${slots} may: half of the slots`);
  }
  const half = rankRows((projection) => Math.floor(pool.rows[projection] / 2));
  const need = addRows(needs);
  const short = firstShortage(need, half);
  if (short === undefined) return;
  throw gpuFull(
    `${need[short]} rank rows of ${short}_proj would be held, at most ${
      half[short]
    } may: half of them`,
  );
}

export function gpuFull(why: string): WeftError {
  return new WeftError("overloaded", `Cannot hold another adapter on the GPU: ${why}`, {
    reason: "gpu_full",
  });
}

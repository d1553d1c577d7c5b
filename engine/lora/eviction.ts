import type { Place, RankRowPool } from "./rank_row_pool.ts";
import type { RankRows } from "./rank_rows.ts";

interface Occupant {
  place: Place;
  need: RankRows;
}
interface Newcomer {
  need: RankRows;
}

/**
 * Who has to leave so that the newcomers fit, once `moving` have left: the first of the candidates, as
 * many as it takes, and of these only whom it takes. Null when all of them are not enough.
 */
export function chooseVictims<T extends Occupant>(
  pool: RankRowPool,
  { candidates, incoming, moving }: {
    candidates: readonly T[];
    incoming: readonly Newcomer[];
    moving: readonly Occupant[];
  },
): T[] | null {
  const suffices = (victims: readonly T[]) =>
    fits(pool, { leaving: [...moving, ...victims], incoming });
  if (!suffices(candidates)) return null;
  let count = 0;
  while (!suffices(candidates.slice(0, count))) count++;
  let victims = candidates.slice(0, count);
  for (const spared of victims.toReversed()) {
    const fewer = victims.filter((victim) => victim !== spared);
    if (suffices(fewer)) victims = fewer;
  }
  return victims;
}

/** Whether the newcomers find their places once others have left; nothing changes. */
export function fits(
  pool: RankRowPool,
  { leaving, incoming }: { leaving: readonly Occupant[]; incoming: readonly Newcomer[] },
): boolean {
  const trial = pool.clone();
  for (const { place, need } of leaving) trial.give(place, need);
  return trial.takeAll(incoming.map(({ need }) => need)) !== undefined;
}

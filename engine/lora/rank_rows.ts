import { type AdapterHeader, type Projection, PROJECTIONS } from "../core/adapter_weights.ts";

/** A count or position in rows of the rank-row pool, for each projection. The pool is alike in every layer. */
export type RankRows = Record<Projection, number>;

export function rankRows(rowsOf: (projection: Projection) => number): RankRows {
  return {
    q: rowsOf("q"),
    k: rowsOf("k"),
    v: rowsOf("v"),
    o: rowsOf("o"),
    gate: rowsOf("gate"),
    up: rowsOf("up"),
    down: rowsOf("down"),
  };
}

/** The rows an adapter occupies: per projection its largest rank in any layer, 0 where it changes nothing. */
export function rowsNeeded({ modules }: AdapterHeader): RankRows {
  const rows = rankRows(() => 0);
  for (const { projection, rank } of modules) rows[projection] = Math.max(rows[projection], rank);
  return rows;
}

/** Sums by projection. */
export function addRows(all: readonly RankRows[]): RankRows {
  return rankRows((projection) => all.reduce((sum, rows) => sum + rows[projection], 0));
}

/** The first projection of which `need` takes more than `have`. */
export function firstShortage(need: RankRows, have: RankRows): Projection | undefined {
  return PROJECTIONS.find((projection) => need[projection] > have[projection]);
}

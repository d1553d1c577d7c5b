import { type Projection, PROJECTIONS } from "../core/adapter_weights.ts";
import { type RankRows, rankRows } from "./rank_rows.ts";
import { RowAllocator } from "./row_allocator.ts";

/** Where an adapter lies: its slot, and per projection the first of its rows. */
export interface Place {
  slot: number;
  offset: RankRows;
}

/** The places of the GPU's rank-row pool: a slot, and a run of rows in each projection. */
export class RankRowPool {
  readonly maxAdapters: number;
  #slots: RowAllocator;
  #rows: Record<Projection, RowAllocator>;

  constructor({ maxAdapters, rows }: { maxAdapters: number; rows: RankRows }) {
    this.maxAdapters = maxAdapters;
    this.#slots = new RowAllocator(maxAdapters);
    this.#rows = Object.fromEntries(
      PROJECTIONS.map((projection) => [projection, new RowAllocator(rows[projection])]),
    ) as Record<Projection, RowAllocator>;
  }

  get rows(): RankRows {
    return rankRows((projection) => this.#rows[projection].rows);
  }

  get freeRows(): RankRows {
    return rankRows((projection) => this.#rows[projection].freeRows);
  }

  /** An independent copy, for trying something out. */
  clone(): RankRowPool {
    const copy = new RankRowPool({ maxAdapters: this.maxAdapters, rows: this.rows });
    copy.#slots = this.#slots.clone();
    for (const projection of PROJECTIONS) copy.#rows[projection] = this.#rows[projection].clone();
    return copy;
  }

  /** A place for each need, or undefined; then nothing is taken. */
  takeAll(needs: readonly RankRows[]): Place[] | undefined {
    const taken: Place[] = [];
    for (const [index, need] of needs.entries()) {
      const place = this.#take(need);
      if (place === undefined) {
        taken.forEach((place, earlier) => this.give(place, needs[earlier]));
        return undefined;
      }
      taken[index] = place;
    }
    return taken;
  }

  give({ slot, offset }: Place, need: RankRows): void {
    this.#slots.free({ offset: slot, length: 1 });
    for (const projection of PROJECTIONS) {
      this.#rows[projection].free({ offset: offset[projection], length: need[projection] });
    }
  }

  /** @throws {Error} unless these adapters and what is free cover the pool exactly. */
  checkIntegrity(used: readonly { place: Place; need: RankRows }[]): void {
    this.#slots.checkIntegrity(used.map(({ place }) => ({ offset: place.slot, length: 1 })));
    for (const projection of PROJECTIONS) {
      this.#rows[projection].checkIntegrity(
        used.map(({ place, need }) => ({
          offset: place.offset[projection],
          length: need[projection],
        })),
      );
    }
  }

  #take(need: RankRows): Place | undefined {
    const slot = this.#slots.allocate(1);
    if (slot === undefined) return undefined;
    const offset = rankRows(() => 0);
    for (const [index, projection] of PROJECTIONS.entries()) {
      const start = this.#rows[projection].allocate(need[projection]);
      if (start === undefined) {
        this.#slots.free({ offset: slot, length: 1 });
        for (const earlier of PROJECTIONS.slice(0, index)) {
          this.#rows[earlier].free({ offset: offset[earlier], length: need[earlier] });
        }
        return undefined;
      }
      offset[projection] = start;
    }
    return { slot, offset };
  }
}

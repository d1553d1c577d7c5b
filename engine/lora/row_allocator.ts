/** Consecutive rows. */
export interface RowRun {
  offset: number;
  length: number;
}

/** Hands out runs of rows, first fit; what is freed joins its free neighbours. */
export class RowAllocator {
  readonly rows: number;
  /** By offset; no two touch, none is empty. */
  #free: RowRun[];

  constructor(rows: number) {
    this.rows = rows;
    this.#free = rows > 0 ? [{ offset: 0, length: rows }] : [];
  }

  /** An independent copy, for trying something out. */
  clone(): RowAllocator {
    const copy = new RowAllocator(this.rows);
    copy.#free = this.#free.map((run) => ({ ...run }));
    return copy;
  }

  get freeRows(): number {
    return this.#free.reduce((sum, run) => sum + run.length, 0);
  }

  /** The offset of a run of this length, or undefined when no free run is long enough. Nothing lies at 0. */
  allocate(length: number): number | undefined {
    if (length === 0) return 0;
    const index = this.#free.findIndex((run) => run.length >= length);
    if (index < 0) return undefined;
    const run = this.#free[index];
    const { offset } = run;
    run.offset += length;
    run.length -= length;
    if (run.length === 0) this.#free.splice(index, 1);
    return offset;
  }

  /** @throws {RangeError} when part of the run is free already or beyond the pool. */
  free({ offset, length }: RowRun): void {
    if (length === 0) return;
    const after = this.#free.findIndex((run) => run.offset > offset);
    const index = after < 0 ? this.#free.length : after;
    const [before, next] = [this.#free[index - 1], this.#free[index]];
    const end = offset + length;
    if (
      offset < (before ? before.offset + before.length : 0) || end > (next?.offset ?? this.rows)
    ) {
      throw new RangeError(`rows ${offset} to ${end} of ${this.rows} are not all in use`);
    }
    const joinsBefore = before !== undefined && before.offset + before.length === offset;
    const joinsNext = next !== undefined && next.offset === end;
    const run = {
      offset: joinsBefore ? before.offset : offset,
      length: length + (joinsBefore ? before.length : 0) + (joinsNext ? next.length : 0),
    };
    this.#free.splice(index - (joinsBefore ? 1 : 0), Number(joinsBefore) + Number(joinsNext), run);
  }

  /** @throws {Error} unless these runs and the free ones cover every row exactly once. */
  checkIntegrity(used: readonly RowRun[]): void {
    const runs = [...used.filter((run) => run.length > 0), ...this.#free]
      .sort((a, b) => a.offset - b.offset);
    let end = 0;
    for (const run of runs) {
      if (run.offset !== end) {
        throw new Error(`row ${Math.min(run.offset, end)} is lost or used twice`);
      }
      end += run.length;
    }
    if (end !== this.rows) {
      throw new Error(`${end} rows are accounted for, the pool has ${this.rows}`);
    }
  }
}

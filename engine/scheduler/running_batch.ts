import { ensure } from "./invariant.ts";
import type { SequenceRecord } from "./sequence.ts";

/** Sequences with a row, in order of admission. */
export class RunningBatch {
  readonly #rows: (SequenceRecord | null)[];
  /** At most maxBatch long, so removal by search is cheap. */
  readonly #order: SequenceRecord[] = [];

  constructor(maxBatch: number) {
    this.#rows = new Array(maxBatch).fill(null);
  }

  get size(): number {
    return this.#order.length;
  }

  get isFull(): boolean {
    return this.#order.length === this.#rows.length;
  }

  get newest(): SequenceRecord | undefined {
    return this.#order.at(-1);
  }

  /** Oldest admission first. */
  get sequences(): readonly SequenceRecord[] {
    return this.#order;
  }

  /** Gives the lowest free row, which keeps the GPU's grid small. */
  admit(sequence: SequenceRecord): void {
    const row = this.#rows.indexOf(null);
    ensure(row !== -1, () => `no free row for "${sequence.id}"`);
    this.#rows[row] = sequence;
    this.#order.push(sequence);
    sequence.row = row;
    sequence.state = "running";
    sequence.admissions++;
  }

  remove(sequence: SequenceRecord): void {
    ensure(this.#rows[sequence.row] === sequence, () => `"${sequence.id}" has no row`);
    this.#rows[sequence.row] = null;
    this.#order.splice(this.#order.lastIndexOf(sequence), 1);
    sequence.row = -1;
  }

  checkIntegrity(): void {
    let taken = 0;
    for (const [row, sequence] of this.#rows.entries()) {
      if (!sequence) continue;
      taken++;
      ensure(
        sequence.row === row && sequence.state === "running" && this.#order.includes(sequence),
        () => `row ${row} holds "${sequence.id}" in state ${sequence.state}, row ${sequence.row}`,
      );
    }
    ensure(
      taken === this.#order.length,
      () => `${taken} rows are taken by ${this.#order.length} sequences`,
    );
  }
}

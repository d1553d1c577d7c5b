import { ensure } from "./invariant.ts";
import type { SequenceRecord } from "./sequence.ts";

/** Sequences without a row, first come first served; every operation is O(1). */
export class WaitingQueue {
  #head: SequenceRecord | null = null;
  #tail: SequenceRecord | null = null;
  #size = 0;
  #tokens = 0;

  get size(): number {
    return this.#size;
  }

  /** Tokens of all sequences that wait. */
  get tokens(): number {
    return this.#tokens;
  }

  pushBack(sequence: SequenceRecord): void {
    this.#insert(sequence, { previous: this.#tail, next: null });
  }

  /** For a preempted sequence, which was admitted before all that wait. */
  pushFront(sequence: SequenceRecord): void {
    this.#insert(sequence, { previous: null, next: this.#head });
  }

  delete(sequence: SequenceRecord): void {
    const { previous, next } = sequence;
    if (previous) previous.next = next;
    else this.#head = next;
    if (next) next.previous = previous;
    else this.#tail = previous;
    sequence.previous = null;
    sequence.next = null;
    this.#size--;
    this.#tokens -= sequence.length;
  }

  /** From the head on; the sequence just yielded may be deleted. */
  *[Symbol.iterator](): Generator<SequenceRecord> {
    let sequence = this.#head;
    while (sequence) {
      const { next } = sequence;
      yield sequence;
      sequence = next;
    }
  }

  checkIntegrity(): void {
    let size = 0, tokens = 0;
    for (const { id, state, row, blockTable, numComputed, length } of this) {
      size++;
      tokens += length;
      ensure(
        state === "waiting" && row === -1 && blockTable.length === 0 && numComputed === 0,
        () => `"${id}" waits in state ${state} with row ${row} and ${blockTable.length} blocks`,
      );
    }
    ensure(
      size === this.#size && tokens === this.#tokens,
      () => `the queue counts ${this.#size}/${this.#tokens}, holds ${size}/${tokens} (size/tokens)`,
    );
  }

  #insert(
    sequence: SequenceRecord,
    { previous, next }: { previous: SequenceRecord | null; next: SequenceRecord | null },
  ): void {
    sequence.previous = previous;
    sequence.next = next;
    if (previous) previous.next = sequence;
    else this.#head = sequence;
    if (next) next.previous = sequence;
    else this.#tail = sequence;
    this.#size++;
    this.#tokens += sequence.length;
  }
}

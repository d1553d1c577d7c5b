import { ensure } from "./invariant.ts";

/** Distinct integers below a capacity in order of insertion; every operation is O(1). */
export class LruList {
  /** A ring with a sentinel at index `capacity`; −1 marks an absent member. */
  readonly #next: Int32Array;
  readonly #previous: Int32Array;
  readonly #sentinel: number;
  #size = 0;

  constructor(capacity: number) {
    this.#next = new Int32Array(capacity + 1).fill(-1);
    this.#previous = new Int32Array(capacity + 1).fill(-1);
    this.#sentinel = capacity;
    this.#next[capacity] = capacity;
    this.#previous[capacity] = capacity;
  }

  get size(): number {
    return this.#size;
  }

  has(item: number): boolean {
    return this.#next[item] !== -1;
  }

  /** Adds an absent member as the newest. */
  push(item: number): void {
    ensure(!this.has(item), () => `item ${item} is in the list already`);
    const newest = this.#previous[this.#sentinel];
    this.#link(newest, item);
    this.#link(item, this.#sentinel);
    this.#size++;
  }

  delete(item: number): void {
    ensure(this.has(item), () => `item ${item} is not in the list`);
    this.#link(this.#previous[item], this.#next[item]);
    this.#next[item] = -1;
    this.#previous[item] = -1;
    this.#size--;
  }

  /** Removes and returns the oldest member. */
  shift(): number | undefined {
    const oldest = this.#next[this.#sentinel];
    if (oldest === this.#sentinel) return undefined;
    this.delete(oldest);
    return oldest;
  }

  #link(left: number, right: number): void {
    this.#next[left] = right;
    this.#previous[right] = left;
  }
}

/** Events pushed by one side and iterated, in order, by one consumer on the other. */
export class EventQueue<T> implements AsyncIterable<T> {
  readonly #events: T[] = [];
  #error: Error | null = null;
  #wake: (() => void) | null = null;

  push(event: T): void {
    this.#events.push(event);
    this.#wake?.();
  }

  /** The consumer gets what was pushed before, then this error. */
  fail(error: Error): void {
    this.#error = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T, void, void> {
    while (true) {
      for (const event of this.#events.splice(0)) yield event;
      if (this.#events.length > 0) continue;
      if (this.#error) throw this.#error;
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = null;
    }
  }
}

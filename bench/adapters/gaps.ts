/** A span of time, by performance.now(). */
export interface Span {
  from: number;
  to: number;
}

/** The pauses between the chunks of streams. */
export class Gaps {
  readonly #gaps: Span[] = [];

  /** Notes a stream's chunk. */
  async follow(events: AsyncIterable<unknown>): Promise<void> {
    let last: number | null = null;
    for await (const _ of events) {
      const now = performance.now();
      if (last !== null) this.#gaps.push({ from: last, to: now });
      last = now;
    }
  }

  /** The gaps that touch a span, in milliseconds: one in which something was done is as long as it is made by it. */
  within({ from, to }: Span): number[] {
    return this.#gaps.filter((gap) => gap.from < to && gap.to > from)
      .map((gap) => gap.to - gap.from);
  }
}

/** A span of time, by performance.now(). */
export interface Span {
  from: number;
  to: number;
}

/** The pauses between the chunks of streams. */
export class Gaps {
  readonly #gaps: Span[] = [];

  /** Notes when a stream's chunks come, until it ends or is no longer wanted. */
  async follow(events: AsyncIterable<unknown>, stop: AbortSignal): Promise<void> {
    let last: number | null = null;
    for await (const _ of events) {
      const now = performance.now();
      if (last !== null) this.#gaps.push({ from: last, to: now });
      last = now;
      // Not by the request's own signal: see docs/PLATFORM.md, "HTTP".
      if (stop.aborted) return;
    }
  }

  /** The gaps that touch a span, in milliseconds: one in which something was done is as long as it is made by it. */
  within({ from, to }: Span): number[] {
    return this.#gaps.filter((gap) => gap.from < to && gap.to > from)
      .map((gap) => gap.to - gap.from);
  }
}

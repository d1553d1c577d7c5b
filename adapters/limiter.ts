export interface TurnOptions {
  /** Takes the task out of the line. */
  signal?: AbortSignal;
  /** What the task is for. The default is one more of these. */
  share?: string;
}

interface Waiter {
  readonly share: string;
  readonly give: () => void;
}

/**
 * Lets so many tasks run at once; the others wait. A place that is free goes to the share that has the fewest, and
 * within it to the first in line, so that an origin that is slow to fail doesn't keep the others waiting.
 */
export class Limiter {
  #free: number;
  readonly #running = new Map<string, number>();
  /** In the order they came. */
  readonly #waiting = new Set<Waiter>();

  constructor(limit: number) {
    this.#free = limit;
  }

  /** @throws What the task throws; what `signal` holds when it aborts while waiting. */
  async run<T>(
    task: () => Promise<T>,
    { signal, share = "" }: TurnOptions = {},
  ): Promise<T> {
    await this.#enter(share, signal);
    try {
      return await task();
    } finally {
      this.#leave(share);
    }
  }

  async #enter(share: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      this.#count(share, 1);
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter = { share, give: () => resolve() };
    const abort = () => {
      if (this.#waiting.delete(waiter)) reject(signal?.reason);
    };
    this.#waiting.add(waiter);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** The place goes straight to the next in line. */
  #leave(share: string): void {
    this.#count(share, -1);
    const next = this.#next();
    if (next === undefined) {
      this.#free++;
      return;
    }
    this.#waiting.delete(next);
    this.#count(next.share, 1);
    next.give();
  }

  #next(): Waiter | undefined {
    let best: Waiter | undefined;
    let fewest = Infinity;
    for (const waiter of this.#waiting) {
      const running = this.#running.get(waiter.share) ?? 0;
      if (running >= fewest) continue;
      best = waiter;
      fewest = running;
      if (running === 0) break;
    }
    return best;
  }

  #count(share: string, change: 1 | -1): void {
    const running = (this.#running.get(share) ?? 0) + change;
    if (running > 0) this.#running.set(share, running);
    else this.#running.delete(share);
  }
}

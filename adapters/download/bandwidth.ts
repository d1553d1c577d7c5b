import { sleep } from "../clock.ts";

/** What may pass at once after a rest, as time at the full rate. */
const BURST_MS = 250;

/** A bound on bytes a second that all downloads share, in the order in which they ask. */
export class Bandwidth {
  readonly #bytesPerMs: number;
  /** When everything granted so far will have passed, by `performance.now()`. */
  #busyUntil = -Infinity;

  /** @throws {RangeError} unless the rate is above zero. */
  constructor(bytesPerSecond: number) {
    if (!(bytesPerSecond > 0)) {
      throw new RangeError(
        `Cannot bound bandwidth to ${bytesPerSecond} bytes/s; it must be above 0`,
      );
    }
    this.#bytesPerMs = bytesPerSecond / 1000;
  }

  /** Waits until so many bytes may pass. @throws What `signal` holds when it aborts. */
  async take(bytes: number, signal: AbortSignal): Promise<void> {
    const now = performance.now();
    const start = Math.max(this.#busyUntil, now - BURST_MS);
    this.#busyUntil = start + bytes / this.#bytesPerMs;
    if (this.#busyUntil > now) await sleep(this.#busyUntil - now, signal);
  }
}

import { sleep as systemSleep } from "./clock.ts";
import { waitUnder } from "./signals.ts";

export interface PeriodicOptions {
  /** From the end of one run to the beginning of the next; more than 0. */
  intervalMs: number;
  /** By what share of itself the interval varies, either way, so that replicas don't ask in step. 0.1 unless told. */
  jitter?: number;
  /** The task. `signal` aborts when it is to stop. */
  run(signal: AbortSignal): Promise<void>;
  /** Told of every run that fails, but not of one that `stop` cut short. Must not throw. */
  onError(error: unknown): void;
  /** Waits; rejects when `signal` aborts. */
  sleep?(ms: number, signal: AbortSignal): Promise<void>;
  /** At least 0, less than 1. */
  random?(): number;
}

/** Runs a task again and again, and on demand, never two at a time. A run that fails doesn't end it. */
export class Periodic {
  readonly #options: PeriodicOptions;
  readonly #stopping = new AbortController();
  /** Ends when the run under way does; never rejects. */
  #running: Promise<void> | null = null;
  /** The run to begin after it, for all who asked meanwhile. */
  #next: Promise<void> | null = null;
  #loop: Promise<void> | null = null;

  constructor(options: PeriodicOptions) {
    if (!(options.intervalMs > 0)) {
      throw new RangeError(`An interval must be more than 0 ms; got ${options.intervalMs}`);
    }
    this.#options = options;
  }

  /** Runs at once, then on the interval. Further calls do nothing. */
  start(): void {
    this.#loop ??= this.#repeat();
  }

  /**
   * Resolves after a run that began no earlier than this call: one that is under way may have looked already.
   *
   * @throws What the run throws; what `signal` holds when it aborts, which leaves the run to others; an AbortError
   *   once stopped.
   */
  async now(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    const run = this.#join();
    await (signal === undefined ? run : waitUnder(run, signal));
  }

  /** Aborts the run under way and resolves once it ended; there are no more after it. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#loop;
    await this.#running;
  }

  #join(): Promise<void> {
    if (this.#next !== null) return this.#next;
    if (this.#running === null) return this.#run();
    this.#next = this.#running.then(() => {
      this.#next = null;
      return this.#run();
    });
    return this.#next;
  }

  #run(): Promise<void> {
    const { signal } = this.#stopping;
    if (signal.aborted) return Promise.reject(signal.reason);
    const { run, onError } = this.#options;
    // A task that throws before its first await fails like any other.
    const result = Promise.resolve().then(() => run(signal));
    this.#running = result.catch((error) => {
      if (!signal.aborted) onError(error);
    }).finally(() => this.#running = null);
    return result;
  }

  async #repeat(): Promise<void> {
    const { signal } = this.#stopping;
    const { sleep = systemSleep } = this.#options;
    while (!signal.aborted) {
      await this.#join().catch(() => {});
      await sleep(this.#delayMs(), signal).catch(() => {});
    }
  }

  #delayMs(): number {
    const { intervalMs, jitter = 0.1, random = Math.random } = this.#options;
    return intervalMs * (1 + jitter * (2 * random() - 1));
  }
}

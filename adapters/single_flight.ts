/** What one caller brings to a flight. */
export interface FlightOptions<T, R> {
  /** Takes this caller off the flight. The last one to leave aborts the task. */
  signal?: AbortSignal;
  /** Runs unless a flight of this key is under way already. */
  task: (signal: AbortSignal) => Promise<T>;
  /** Turns the result into this caller's own; runs in the very turn in which the task ends. */
  take: (value: T) => R;
}

interface Flight<T> {
  controller: AbortController;
  waiters: Set<Waiter<T>>;
}

interface Waiter<T> {
  land: (value: T) => void;
  fail: (error: unknown) => void;
}

/**
 * Runs one task per key at a time; whoever asks meanwhile shares it. All callers take from the result before
 * anything else runs, then `dispose` gives the flight's own hold on it back.
 */
export class SingleFlight<T> {
  readonly #flights = new Map<string, Flight<T>>();
  readonly #dispose: (value: T) => void;

  constructor(dispose: (value: T) => void) {
    this.#dispose = dispose;
  }

  /** Flights that callers can still join. */
  get size(): number {
    return this.#flights.size;
  }

  /** @throws What the task or `take` throws; what `signal` holds when it aborts. */
  run<R>(key: string, { signal, task, take }: FlightOptions<T, R>): Promise<R> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    const flight = this.#flights.get(key) ?? this.#start(key, task);
    const { promise, resolve, reject } = Promise.withResolvers<R>();
    const leave = () => {
      flight.waiters.delete(waiter);
      reject(signal?.reason);
      if (flight.waiters.size === 0) this.#abandon(key, flight);
    };
    const waiter: Waiter<T> = {
      land: (value) => {
        signal?.removeEventListener("abort", leave);
        try {
          resolve(take(value));
        } catch (error) {
          reject(error);
        }
      },
      fail: (error) => {
        signal?.removeEventListener("abort", leave);
        reject(error);
      },
    };
    flight.waiters.add(waiter);
    signal?.addEventListener("abort", leave);
    return promise;
  }

  #start(key: string, task: (signal: AbortSignal) => Promise<T>): Flight<T> {
    const flight: Flight<T> = { controller: new AbortController(), waiters: new Set() };
    this.#flights.set(key, flight);
    // A task that throws before its first await must fail like any other, after the caller has joined.
    Promise.resolve().then(() => task(flight.controller.signal)).then(
      (value) => {
        this.#forget(key, flight);
        for (const waiter of flight.waiters) waiter.land(value);
        this.#dispose(value);
      },
      (error) => {
        this.#forget(key, flight);
        for (const waiter of flight.waiters) waiter.fail(error);
      },
    );
    return flight;
  }

  /** Whoever comes next must not join a task that is being aborted. */
  #abandon(key: string, flight: Flight<T>): void {
    this.#forget(key, flight);
    flight.controller.abort();
  }

  #forget(key: string, flight: Flight<T>): void {
    if (this.#flights.get(key) === flight) this.#flights.delete(key);
  }
}

/** Time, so that tests can turn it. */
export interface Clock {
  /** Milliseconds since 1970. */
  now(): number;
  /** @throws What `signal` holds when it aborts; no timer stays behind. */
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

export const systemClock: Clock = { now: () => Date.now(), sleep };

/** A timer that is set for longer ends at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Waits, 24 days at most. @throws What `signal` holds when it aborts. */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.reject(signal.reason);
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const abort = () => {
    clearTimeout(timer);
    reject(signal.reason);
  };
  const timer = setTimeout(() => {
    signal.removeEventListener("abort", abort);
    resolve();
  }, Math.min(ms, MAX_TIMER_MS));
  signal.addEventListener("abort", abort, { once: true });
  return promise;
}

/**
 * Runs a task under a signal that aborts with the first of several. Unlike `AbortSignal.any`, nothing stays
 * attached to a long-lived signal once the task has ended.
 */
export async function underSignals<T>(
  signals: readonly (AbortSignal | undefined)[],
  task: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const controller = new AbortController();
  const present = signals.filter((signal) => signal !== undefined);
  const listeners = present.map((signal) => () => controller.abort(signal.reason));
  present.forEach((signal, i) => {
    if (signal.aborted) controller.abort(signal.reason);
    signal.addEventListener("abort", listeners[i], { once: true });
  });
  try {
    controller.signal.throwIfAborted();
    return await task(controller.signal);
  } finally {
    present.forEach((signal, i) => signal.removeEventListener("abort", listeners[i]));
  }
}

/** Waits for what others do, as long as `signal` lets it. */
export async function waitUnder<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const abort = () => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

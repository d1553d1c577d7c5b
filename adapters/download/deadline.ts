import { adapterError } from "../reasons.ts";

export interface DeadlineOptions {
  ms: number;
  signal: AbortSignal;
  /** What is fetched, for people. */
  location: string;
}

/**
 * Runs a task that must end within so many milliseconds.
 *
 * @throws {WeftError} `total_timeout`. What `signal` holds when it aborts, and what the task throws.
 */
export async function withDeadline<T>(
  task: (signal: AbortSignal) => Promise<T>,
  { ms, signal, location }: DeadlineOptions,
): Promise<T> {
  signal.throwIfAborted();
  const controller = new AbortController();
  const forward = () => controller.abort(signal.reason);
  signal.addEventListener("abort", forward, { once: true });
  const timer = setTimeout(() => {
    controller.abort(adapterError("total_timeout", `${location} took longer than ${ms / 1000} s`));
  }, ms);
  try {
    return await task(controller.signal);
  } catch (error) {
    // Whatever the task made of being aborted, the cause is the timeout or the caller.
    controller.signal.throwIfAborted();
    throw error;
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", forward);
  }
}

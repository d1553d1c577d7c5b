import { adapterError } from "../reasons.ts";
import { underSignals } from "../signals.ts";

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
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(adapterError("total_timeout", `${location} took longer than ${ms / 1000} s`));
  }, ms);
  try {
    return await underSignals([signal, late.signal], async (signal) => {
      try {
        return await task(signal);
      } catch (error) {
        // Whatever the task made of being aborted, the cause is the timeout or the caller.
        signal.throwIfAborted();
        throw error;
      }
    });
  } finally {
    clearTimeout(timer);
  }
}

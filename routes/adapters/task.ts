import { ClientGone } from "../client_gone.ts";
import type { Lifecycle } from "../lifecycle.ts";

export interface TaskOptions {
  lifecycle: Lifecycle;
  /** The request's signal, where a client that goes away takes the task back. */
  client?: AbortSignal;
}

/**
 * Starts what may take long on an admin's behalf. A server that shuts down gives it the same time as a running
 * answer, then aborts it. Throws what `start` throws, and `unavailable` while draining.
 */
export function startTask<T>(
  start: (signal: AbortSignal) => Promise<T>,
  { lifecycle, client }: TaskOptions,
): Promise<T> {
  const ended = new AbortController();
  const { signal } = ended;
  const leave = lifecycle.enter((reason) => ended.abort(reason));
  const goAway = () => ended.abort(new ClientGone());
  if (client?.aborted) goAway();
  else client?.addEventListener("abort", goAway, { once: true });

  function end(): void {
    client?.removeEventListener("abort", goAway);
    leave();
  }

  async function finish(task: Promise<T>): Promise<T> {
    try {
      return await task;
    } catch (error) {
      // Whoever aborted it knows why; the store only knows that it was.
      throw signal.aborted ? signal.reason : error;
    } finally {
      end();
    }
  }

  try {
    return finish(start(signal));
  } catch (error) {
    end();
    throw error;
  }
}

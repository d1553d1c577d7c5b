import { WeftError } from "../engine/core/errors.ts";

/** `ready` takes requests, `draining` finishes the running ones, `lost` can do neither. */
export type LifecycleState = "ready" | "draining" | "lost";

/** Time for answers cut off at the deadline to say so to their clients, in milliseconds. */
const GRACE_MS = 2000;

/** Whether the server takes requests, and which generations still run. */
export class Lifecycle {
  #state: LifecycleState = "ready";
  /** How to end each running generation. */
  readonly #running = new Set<(reason: WeftError) => void>();
  #idle: PromiseWithResolvers<void> | null = null;

  get state(): LifecycleState {
    return this.#state;
  }

  /** Generations between `enter` and their leave. */
  get running(): number {
    return this.#running.size;
  }

  /**
   * Registers a generation and returns its leave, which may be called more than once. `abort` is called
   * with the error to tell the client if the generation must end before that. (A signal for all of them
   * would not do: in Deno, what `AbortSignal.any` makes of a long-lived signal is not collected once it
   * had a listener.)
   * Throws `unavailable` while draining and `device_lost` after a loss.
   */
  enter(abort: (reason: WeftError) => void): () => void {
    if (this.#state === "draining") {
      throw new WeftError("unavailable", "The server is shutting down and takes no new requests");
    }
    if (this.#state === "lost") throw deviceLost();
    // Wrapped, so that one function registered twice counts twice.
    const entry = (reason: WeftError) => abort(reason);
    this.#running.add(entry);
    return () => {
      if (this.#running.delete(entry) && this.#running.size === 0) this.#idle?.resolve();
    };
  }

  /**
   * Refuses new generations at once and resolves when the running ones have ended: by themselves
   * within `deadlineMs`, or ended at the deadline. A client that does not read its stream cannot
   * be told of the end, so after a grace time it is waited for no longer. True means that every
   * generation ended by itself.
   */
  async drain(deadlineMs: number): Promise<boolean> {
    if (this.#state === "ready") this.#state = "draining";
    if (await this.#idleWithin(deadlineMs)) return true;
    const reason = this.#state === "lost" ? deviceLost() : cutOff();
    for (const abort of this.#running) abort(reason);
    await this.#idleWithin(GRACE_MS);
    return false;
  }

  /** The device is gone: nothing new is taken. Running generations end by the engine's own error. */
  markLost(): void {
    this.#state = "lost";
  }

  async #idleWithin(ms: number): Promise<boolean> {
    if (this.#running.size === 0) return true;
    this.#idle ??= Promise.withResolvers<void>();
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, ms);
    await Promise.race([this.#idle.promise, timeout.promise]);
    clearTimeout(timer);
    return this.#running.size === 0;
  }
}

function deviceLost(): WeftError {
  return new WeftError("device_lost", "The GPU device was lost; this server is ending");
}

function cutOff(): WeftError {
  return new WeftError("unavailable", "The server shut down before this answer was complete");
}

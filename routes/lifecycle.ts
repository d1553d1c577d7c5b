import { WeftError } from "../engine/core/errors.ts";

/** `ready` takes requests, `draining` finishes the running ones, `lost` can do neither. */
export type LifecycleState = "ready" | "draining" | "lost";

/** Time for answers cut off at the deadline to say so to their clients, in milliseconds. */
const GRACE_MS = 2000;

/** Whether the server takes requests, and which generations still run. */
export class Lifecycle {
  #state: LifecycleState = "ready";
  #running = 0;
  #idle: PromiseWithResolvers<void> | null = null;
  readonly #deadline = new AbortController();

  get state(): LifecycleState {
    return this.#state;
  }

  /** Generations between `enter` and their leave. */
  get running(): number {
    return this.#running;
  }

  /** Aborted, with the error to tell clients, when running generations must end now. */
  get deadline(): AbortSignal {
    return this.#deadline.signal;
  }

  /**
   * Registers a generation and returns its leave, which may be called more than once.
   * Throws `unavailable` while draining and `device_lost` after a loss.
   */
  enter(): () => void {
    if (this.#state === "draining") {
      throw new WeftError("unavailable", "The server is shutting down and takes no new requests");
    }
    if (this.#state === "lost") throw deviceLost();
    this.#running++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#running--;
      if (this.#running === 0) this.#idle?.resolve();
    };
  }

  /**
   * Refuses new generations at once and resolves when the running ones have ended: by themselves
   * within `deadlineMs`, or ended by the deadline signal. A client that does not read its stream cannot
   * be told of the end, so after a grace time it is waited for no longer. True means that every
   * generation ended by itself.
   */
  async drain(deadlineMs: number): Promise<boolean> {
    if (this.#state === "ready") this.#state = "draining";
    if (await this.#idleWithin(deadlineMs)) return true;
    this.#deadline.abort(this.#state === "lost" ? deviceLost() : cutOff());
    await this.#idleWithin(GRACE_MS);
    return false;
  }

  /** The device is gone: nothing new is taken. Running generations end by the engine's own error. */
  markLost(): void {
    this.#state = "lost";
  }

  async #idleWithin(ms: number): Promise<boolean> {
    if (this.#running === 0) return true;
    this.#idle ??= Promise.withResolvers<void>();
    const timeout = Promise.withResolvers<void>();
    const timer = setTimeout(timeout.resolve, ms);
    await Promise.race([this.#idle.promise, timeout.promise]);
    clearTimeout(timer);
    return this.#running === 0;
  }
}

function deviceLost(): WeftError {
  return new WeftError("device_lost", "The GPU device was lost; this server is ending");
}

function cutOff(): WeftError {
  return new WeftError("unavailable", "The server shut down before this answer was complete");
}

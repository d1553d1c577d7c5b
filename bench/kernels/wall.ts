import type { LocalRunner } from "./local_runner.ts";

/** What submissions cost as the runner's thread sees them. */
export interface Wall {
  /** Milliseconds of a submission. */
  ms: number;
  /** Microseconds of that thread for a dispatch: all but the time in which it waits for the device. */
  hostUsPerDispatch: number;
  /**
   * Milliseconds from each submission's results until the next one is submitted: for so long at least the
   * device has nothing to do. One less than submissions.
   */
  gapsMs: number[];
}

/** Runs so many submissions of `dispatches` each. */
export async function wallOf(
  runner: Pick<LocalRunner, "step">,
  steps: number,
  dispatches: number,
): Promise<Wall> {
  let blockedMs = 0;
  let readAt: number | null = null;
  const gapsMs: number[] = [];
  // Both of a buffer's wait for the device (docs/PLATFORM.md, "Reading back").
  const restore = [
    timed(GPUBuffer.prototype, "mapAsync", (from, to) => blockedMs += to - from),
    timed(GPUBuffer.prototype, "getMappedRange", (from, to) => {
      blockedMs += to - from;
      readAt = to;
    }),
    timed(GPUQueue.prototype, "submit", (_, to) => {
      if (readAt !== null) gapsMs.push(to - readAt);
      readAt = null;
    }),
  ];
  try {
    const start = performance.now();
    for (let i = 0; i < steps; i++) await runner.step();
    const ms = performance.now() - start;
    return {
      ms: ms / steps,
      hostUsPerDispatch: 1000 * (ms - blockedMs) / (steps * dispatches),
      gapsMs,
    };
  } finally {
    for (const undo of restore) undo();
  }
}

/** Tells when each call of a method began and returned, and returns how to stop that. */
function timed(
  // deno-lint-ignore no-explicit-any -- methods of different kinds
  prototype: any,
  name: string,
  tell: (from: number, to: number) => void,
): () => void {
  const original = prototype[name];
  prototype[name] = function (this: unknown, ...args: unknown[]) {
    const start = performance.now();
    try {
      return original.apply(this, args);
    } finally {
      tell(start, performance.now());
    }
  };
  return () => prototype[name] = original;
}

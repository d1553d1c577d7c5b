import type { LocalRunner } from "./local_runner.ts";

/**
 * Milliseconds of a submission as the runner's thread sees it, and microseconds of that thread for a
 * dispatch: all but the time in which it waits for the device.
 */
export async function wallOf(
  runner: LocalRunner,
  steps: number,
  dispatches: number,
): Promise<{ ms: number; hostUsPerDispatch: number }> {
  let blockedMs = 0;
  const restore = (["mapAsync", "getMappedRange"] as const).map((name) =>
    // Both wait for the device (docs/PLATFORM.md, "Reading back").
    timed(name, (ms) => blockedMs += ms)
  );
  try {
    const start = performance.now();
    for (let i = 0; i < steps; i++) await runner.step();
    const ms = performance.now() - start;
    return { ms: ms / steps, hostUsPerDispatch: 1000 * (ms - blockedMs) / (steps * dispatches) };
  } finally {
    for (const undo of restore) undo();
  }
}

/** Takes the time of each call of a buffer's method, and returns how to stop that. */
function timed(name: "mapAsync" | "getMappedRange", tell: (ms: number) => void): () => void {
  // deno-lint-ignore no-explicit-any -- two methods of different kinds
  const prototype = GPUBuffer.prototype as any;
  const original = prototype[name];
  prototype[name] = function (this: GPUBuffer, ...args: unknown[]) {
    const start = performance.now();
    try {
      return original.apply(this, args);
    } finally {
      tell(performance.now() - start);
    }
  };
  return () => prototype[name] = original;
}

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
  const { getMappedRange } = GPUBuffer.prototype;
  let blockedMs = 0;
  GPUBuffer.prototype.getMappedRange = function (...range) {
    const start = performance.now();
    const mapped = getMappedRange.apply(this, range);
    blockedMs += performance.now() - start;
    return mapped;
  };
  try {
    const start = performance.now();
    for (let i = 0; i < steps; i++) await runner.step();
    const ms = performance.now() - start;
    return { ms: ms / steps, hostUsPerDispatch: 1000 * (ms - blockedMs) / (steps * dispatches) };
  } finally {
    GPUBuffer.prototype.getMappedRange = getMappedRange;
  }
}

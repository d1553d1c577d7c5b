import type { Rng } from "../tasks/rng.ts";

/** A number of mean 0 and variance 1 from a normal distribution. */
export function normal(rng: Rng): number {
  const radius = Math.sqrt(-2 * Math.log(1 - rng.next()));
  return radius * Math.cos(2 * Math.PI * rng.next());
}

/** A number from -size to size. */
export function uniform(rng: Rng, size: number): number {
  return size * (2 * rng.next() - 1);
}

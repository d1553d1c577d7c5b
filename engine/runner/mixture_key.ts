import type { Mixture } from "../core/generation.ts";

/** Names the computation that keys and values come from: generations and exact weights. */
export function mixtureKey(mixture: Mixture): string {
  return mixture.map(({ generation, weight }) => `${generation}:${weight}`).join(",");
}

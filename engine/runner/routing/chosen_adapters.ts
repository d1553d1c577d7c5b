import type { MixtureEntry } from "../../core/generation.ts";
import type { ChosenAdapter } from "./routed_text.ts";

/** Those that are here, with the weights that the GPU gave them. */
export function applied(
  choices: readonly ChosenAdapter[],
  weights: readonly number[],
): ChosenAdapter[] {
  return choices.filter(({ isHere }) => isHere).slice(0, weights.length)
    .map((choice, i) => ({ ...choice, weight: weights[i] }));
}

/** As the GPU does it (select.wgsl): those that are here take the weight of all `count`. */
export function renormalised(here: readonly ChosenAdapter[], count: number): ChosenAdapter[] {
  if (here.length === count) return [...here];
  const mass = here.reduce((sum, { weight }) => Math.fround(sum + weight), 0);
  if (!(mass > 0)) return [];
  return here.map((choice) => ({
    ...choice,
    weight: here.length === 1 ? 1 : Math.fround(choice.weight / mass),
  }));
}

/** Of adapters whose contents are known. */
export function mixtureOf(here: readonly ChosenAdapter[]): MixtureEntry[] {
  return here.map(({ generation, weight }) => ({ generation: generation!, weight }));
}

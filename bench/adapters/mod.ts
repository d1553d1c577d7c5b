import type { Figure } from "../measure.ts";
import { measureFirstToken } from "./first_token.ts";
import { Origin, Variants } from "./subject.ts";
import { measureSwapStall } from "./swap_stall.ts";
import { measureFetching } from "./throughput.ts";

/** The smallest of the demo's adapters, and the largest: rank 64 on all projections. */
const SIZES = { small: "antonyms", large: "joint" } as const;

/** What it costs to bring an adapter from a URL to its first token, and to swap one under load. */
export async function benchAdapters(): Promise<Figure[]> {
  using origin = new Origin();
  const figures: Figure[] = [];
  for (const [size, name] of Object.entries(SIZES)) {
    const variants = new Variants(name);
    const label = `${size} (${(variants.bytes / 1000).toFixed(0)} kB)`;
    await origin.place(variants.next("/first"));
    figures.push(...await measureFirstToken(origin, { label: size, variants }));
    figures.push(...await measureSwapStall(origin, { label: size, variants }));
    figures.push({ what: `files of an adapter that is ${size}`, value: label });
  }
  return [...figures, ...await measureFetching(origin, new Variants(SIZES.small))];
}

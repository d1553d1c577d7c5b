import type { RequestFields } from "../methods.ts";
import type { Sample } from "../samples.ts";

/** One way to answer whose time is taken. */
export interface TimedMethod {
  name: string;
  isRouted: boolean;
  /** With fewer adapters it can't be. */
  least: number;
  fields(sample: Sample, server: { base: string; adapters: readonly string[] }): RequestFields;
}

/** Adapters in the mixture that is forced. */
const FORCED = 3;

export const TIMED_METHODS: readonly TimedMethod[] = [
  { name: "base", isRouted: false, least: 1, fields: (_, { base }) => ({ model: base }) },
  {
    name: "single",
    isRouted: false,
    least: 1,
    fields: ({ tasks }, { adapters }) => ({
      model: adapters.includes(tasks![0]) ? tasks![0] : adapters[0],
    }),
  },
  // The same adapter however many there are.
  {
    name: "first",
    isRouted: false,
    least: 1,
    fields: (_, { adapters }) => ({ model: adapters[0] }),
  },
  {
    name: "mixture-3",
    isRouted: false,
    least: FORCED,
    fields: (_, { base, adapters }) => ({
      model: base,
      lora: adapters.slice(0, FORCED).map((id) => ({ id, scale: 1 / FORCED })),
    }),
  },
  { name: "auto", isRouted: true, least: 1, fields: () => ({ model: "auto" }) },
  {
    name: "auto-3",
    isRouted: true,
    least: 1,
    fields: () => ({
      model: "auto",
      routing: { mode: "top-p", top_p: 1, max_adapters: FORCED, min_confidence: 0 },
    }),
  },
];

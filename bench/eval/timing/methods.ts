import type { RequestFields } from "../methods.ts";
import type { Sample } from "../samples.ts";
import { PROMPT_KINDS, type PromptKind } from "./prompts.ts";

/** One way to answer whose time is taken. */
export interface TimedMethod {
  name: string;
  isRouted: boolean;
  /** With fewer adapters it can't be. */
  least: number;
  /** Of single tasks only what gives the same answers: they end where they end. */
  prompts: readonly PromptKind[];
  fields(sample: Sample, server: { base: string; adapters: readonly string[] }): RequestFields;
}

/** Adapters in the mixture that is forced. */
const FORCED = 3;
const COMPOSITES = ["composite3"] as const;

export const TIMED_METHODS: readonly TimedMethod[] = [
  {
    name: "base",
    isRouted: false,
    least: 1,
    prompts: COMPOSITES,
    fields: (_, { base }) => ({ model: base }),
  },
  {
    name: "single",
    isRouted: false,
    least: 1,
    prompts: PROMPT_KINDS,
    fields: ({ file, tasks }, { adapters }) => {
      const task = tasks?.[0] ?? file;
      return { model: adapters.includes(task) ? task : adapters[0] };
    },
  },
  // The same adapter however many there are.
  {
    name: "first",
    isRouted: false,
    least: 1,
    prompts: COMPOSITES,
    fields: (_, { adapters }) => ({ model: adapters[0] }),
  },
  {
    name: "mixture-3",
    isRouted: false,
    least: FORCED,
    prompts: COMPOSITES,
    fields: (_, { base, adapters }) => ({
      model: base,
      lora: adapters.slice(0, FORCED).map((id) => ({ id, scale: 1 / FORCED })),
    }),
  },
  {
    name: "auto",
    isRouted: true,
    least: 1,
    prompts: PROMPT_KINDS,
    fields: () => ({ model: "auto" }),
  },
  {
    name: "auto-3",
    isRouted: true,
    least: 1,
    prompts: COMPOSITES,
    fields: () => ({
      model: "auto",
      routing: { mode: "top-p", top_p: 1, max_adapters: FORCED, min_confidence: 0 },
    }),
  },
];

import type { Sample } from "./samples.ts";

/** What a request says beside messages, limit and temperature. */
export interface RequestFields {
  model: string;
  lora?: { id: string; scale: number }[];
  routing?: Record<string, string | number>;
  kv_policy?: "carry" | "recompute";
}

/** One way to answer a prompt. */
export interface Method {
  /** As in flags and results. */
  name: string;
  /** For people. */
  label: string;
  /** The router decides, so that there is one result a router. */
  isRouted: boolean;
  /** @param base The base model's name at the server. */
  fields(sample: Sample, base: string): RequestFields;
}

const BASE: Method = {
  name: "base",
  label: "base",
  isRouted: false,
  fields: (_, base) => ({ model: base }),
};

const JOINT: Method = {
  name: "joint",
  label: "joint adapter",
  isRouted: false,
  fields: () => ({ model: "joint" }),
};

const OWN: Method = {
  name: "own",
  label: "own adapter",
  isRouted: false,
  fields: ({ file }) => ({ model: file }),
};

/** The prompt's own tasks at equal weights, fixed throughout: the right set, without routing. */
const OWN_MIXTURE: Method = {
  name: "own-mixture",
  label: "own adapters, equal",
  isRouted: false,
  fields: ({ tasks = [] }, base) => {
    const names = [...new Set(tasks)];
    return { model: base, lora: names.map((id) => ({ id, scale: 1 / names.length })) };
  },
};

/** For the single tasks. */
export const TASK_METHODS: readonly Method[] = [
  BASE,
  JOINT,
  OWN,
  ...["top-1", "top-p", "threshold", "softmax-of-probs", "uniform"].map((mode) =>
    auto(mode, { label: mode, fields: { routing: { mode } } })
  ),
];

/** For prompts with several tasks. */
export const COMPOSITE_METHODS: readonly Method[] = [
  BASE,
  JOINT,
  OWN_MIXTURE,
  ...(["keep", "redraw"] as const).flatMap((firstToken) =>
    (["carry", "recompute"] as const).map((policy) =>
      auto(`sentence-${firstToken}-${policy}`, {
        label: `a route a sentence: ${firstToken}, ${policy}`,
        fields: { routing: { scope: "sentence", first_token: firstToken }, kv_policy: policy },
      })
    )
  ),
  auto("prompt", { label: "one route a prompt", fields: { routing: { scope: "prompt" } } }),
];

/** The p of the sweep; 0 is `top-1`. */
export const SWEPT_P = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99];

/** `top-p` at other values of p. */
export const SWEEP_METHODS: readonly Method[] = SWEPT_P.map((p) =>
  auto(`top-p@${p}`, { label: `top-p, p = ${p}`, fields: { routing: { mode: "top-p", top_p: p } } })
);

function auto(
  name: string,
  { label, fields }: { label: string; fields: Omit<RequestFields, "model"> },
): Method {
  return { name, label, isRouted: true, fields: () => ({ model: "auto", ...fields }) };
}

import { z } from "zod";
import { MAX_MIXTURE } from "../../engine/core/adapter_weights.ts";
import { ROUTING_MODES } from "../../engine/core/routing.ts";
import { integer, number } from "./common.ts";

function oneOf<const T extends readonly string[]>(values: T) {
  const allowed = values.map((value) => `"${value}"`);
  return z.enum(values, `expected ${allowed.slice(0, -1).join(", ")} or ${allowed.at(-1)}`)
    .nullish();
}

const kvPolicy = oneOf(["carry", "recompute"]);

const routingShape = {
  mode: oneOf(ROUTING_MODES),
  top_p: number(0, 1),
  max_adapters: integer(1, MAX_MIXTURE),
  min_confidence: number(0, 1),
  hysteresis: number(0, 1),
  first_token: oneOf(["keep", "redraw"]),
  kv_policy: kvPolicy,
  on_miss: oneOf(["wait", "renormalise"]),
  scope: oneOf(["sentence", "prompt"]),
};

/** How a text is routed; strict, so that no misspelt wish is dropped. */
export const routing = z.strictObject(routingShape, {
  error: (issue) =>
    issue.code === "unrecognized_keys"
      ? `expected only ${Object.keys(routingShape).map((key) => `"${key}"`).join(", ")}`
      : "expected an object",
}).nullish();

/** What `"model": "auto"` takes beside the fields of every request. */
export const routingFields = { routing, kv_policy: kvPolicy };

const fields = z.looseObject(routingFields);
export type RoutingFields = z.output<typeof fields>;

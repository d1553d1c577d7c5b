import { WeftError } from "../../core/errors.ts";
import type { ClassTarget } from "../../core/router.ts";
import type { RoutingOptions } from "../../core/routing.ts";
import type { RouteRecord } from "../../kernels/mod.ts";
import type { LabelledWeight } from "./answer_route.ts";

/** A text to route. */
export interface Inquiry {
  /** Its tokens, or at least the last ones that a router sees. */
  text: Uint32Array | readonly number[];
  options: RoutingOptions;
  /** The mixture in force, for hysteresis; null where there is none yet. */
  inForce: readonly LabelledWeight[] | null;
  /** Batch row whose mixture the GPU writes; null: only the record is wanted. */
  row: number | null;
}

/** An adapter that the router chose. */
export interface ChosenAdapter extends ClassTarget {
  weight: number;
  /** On the GPU, as a whole. */
  isHere: boolean;
}

/** What the router says of a text, with what its classes stood for when it was asked. */
export interface RoutedText {
  record: RouteRecord;
  /** The record's, in its order. */
  choices: ChosenAdapter[];
}

/** The route of a text without tokens: the base alone. */
export const OF_NOTHING: RouteRecord = {
  choices: [],
  confidence: 0,
  entropy: 0,
  abstained: true,
  kept: false,
  applied: [],
  failed: false,
  missed: false,
  stopped: false,
  noClass: false,
  base: true,
};

export function noRouter(): WeftError {
  return new WeftError("unavailable", "Cannot route: no router is in place", {
    reason: "no_router",
  });
}

/** What a router is told whose logits hold a NaN or an infinity. */
export function notNumbers(): WeftError {
  return new WeftError("internal", "Cannot route: the router's logits are not numbers", {
    reason: "router_not_numbers",
  });
}

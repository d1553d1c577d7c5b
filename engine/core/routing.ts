import { MAX_MIXTURE } from "./adapter_weights.ts";

/** How a router's probabilities become a mixture; see RoutingOptions for `p`. */
export const ROUTING_MODES = [
  "top-p",
  "threshold",
  "softmax-of-probs",
  "top-1",
  "uniform",
] as const;

/**
 * `top-p`: the smallest set of likeliest classes whose mass reaches p, weighted by their
 * probabilities renormalised. `threshold` (the text of DLP-LoRA): every class with a probability of
 * at least p, else the likeliest; weighted by the softmax of their logits, which is the same.
 * `softmax-of-probs` (its published code): the top-p set, weighted by the softmax of the
 * probabilities. `top-1`: the likeliest. `uniform`: the top-p set with equal weights.
 */
export type RoutingMode = typeof ROUTING_MODES[number];

/** How a request's text is routed. */
export interface RoutingOptions {
  mode: RoutingMode;
  /** Mass (`top-p`, `softmax-of-probs`, `uniform`) or least probability (`threshold`); 0 to 1. */
  p: number;
  /** 1 to MAX_MIXTURE. */
  maxAdapters: number;
  /** Where the likeliest class has a lower probability than this, the base answers alone. */
  minConfidence: number;
  /** The mixture in force stays while ½ Σ |new − old weight| is at most this; 0 to 1. */
  hysteresis: number;
  /**
   * The first token of a sentence, on which its route is chosen, is drawn under the mixture before. It is
   * kept, as in DLP-LoRA, or drawn again under the new one, which is right more often (docs/EVALUATION.md).
   */
  firstToken: "keep" | "redraw";
  /** What becomes of the keys and values computed before a change of mixture. */
  kvPolicy: "carry" | "recompute";
  /** A chosen adapter that is not on the GPU is waited for, or the others take its weight. */
  onMiss: "wait" | "renormalise";
  /** How often a text is routed. */
  scope: "sentence" | "prompt";
}

/** A class of the router and its adapter's share of a mixture. */
export interface RouteChoice {
  /** The router's own classes come first, then the prototypes. */
  classIndex: number;
  weight: number;
}

/** What the router wants for a text. */
export interface Route {
  /** Likeliest first, or the mixture that was kept, in its order; empty: the base alone. */
  choices: RouteChoice[];
  /** The highest probability. */
  confidence: number;
  /** Of all probabilities, in nats. */
  entropy: number;
  /** The confidence was too low: the base answers alone. */
  abstained: boolean;
  /** Hysteresis kept the mixture that was in force. */
  kept: boolean;
}

/** An adapter's share in a sentence of an answer. */
export interface RoutedAdapter {
  /** The router's name for it, which is the adapter's. */
  label: string;
  generation: string;
  weight: number;
}

/** Which mixture a sentence of an answer has, and why. */
export interface RoutedSentence {
  /** 0 for the first. */
  index: number;
  /** The answer's tokens before it; unless redrawn, its first token is of the mixture before. */
  start: number;
  /** What was computed, likeliest first; empty: the base alone. */
  adapters: RoutedAdapter[];
  /** Chosen, but not there in time (`onMiss`): the others took their weight. */
  missed: string[];
  confidence: number;
  /** In nats. */
  entropy: number;
  abstained: boolean;
  kept: boolean;
  /** Generation of the router. */
  router: string;
  /** From when the route was due to when it was known, or submitted with a step; milliseconds. */
  ms: number;
}

/** What the router thinks of a text, for `/v1/route`. */
export interface TextRoute extends Route {
  /** By class index: the router's labels, then the prototypes. 0 for a class that is off. */
  probabilities: Float32Array;
}

/** What a router's file says about the options it was calibrated for. */
export interface RouterCalibration {
  topP: number;
  minConfidence: number;
}

/** Without calibration; see `routingOptions` for how `p` follows from the mode. */
export const DEFAULT_ROUTING: Readonly<RoutingOptions> = Object.freeze({
  mode: "top-p",
  p: 0.9,
  maxAdapters: MAX_MIXTURE,
  minConfidence: 0,
  hysteresis: 0.1,
  firstToken: "redraw",
  kvPolicy: "carry",
  onMiss: "wait",
  scope: "sentence",
});

/** The published code's p, and for `threshold` one that more than one class can reach. */
const P_OF_MODE: Partial<Record<RoutingMode, number>> = { "softmax-of-probs": 0.6, threshold: 0.1 };

/** Fills in what was not given; checks nothing. */
export function routingOptions(
  given: Partial<RoutingOptions> = {},
  calibration?: RouterCalibration,
): RoutingOptions {
  const mode = given.mode ?? DEFAULT_ROUTING.mode;
  return {
    mode,
    p: given.p ?? P_OF_MODE[mode] ?? calibration?.topP ?? DEFAULT_ROUTING.p,
    maxAdapters: given.maxAdapters ?? DEFAULT_ROUTING.maxAdapters,
    minConfidence: given.minConfidence ?? calibration?.minConfidence ??
      DEFAULT_ROUTING.minConfidence,
    hysteresis: given.hysteresis ?? DEFAULT_ROUTING.hysteresis,
    firstToken: given.firstToken ?? DEFAULT_ROUTING.firstToken,
    kvPolicy: given.kvPolicy ?? DEFAULT_ROUTING.kvPolicy,
    onMiss: given.onMiss ?? DEFAULT_ROUTING.onMiss,
    scope: given.scope ?? DEFAULT_ROUTING.scope,
  };
}

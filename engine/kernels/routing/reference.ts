/** What `Select` computes, on the host in float64 by sorting: for tests. */
import type { RouteChoice } from "../../core/routing.ts";
import { NO_SLOT } from "../lora/mod.ts";
import { CLASS_OFF, type RouteOrder, type RouteRecord } from "./route_layout.ts";

/** One row's input. */
export interface RouteInput {
  /** The router's own classes; divided by the temperature. */
  logits: Float32Array;
  /** What the prototypes' kernel made. */
  prototypeLogits: Float32Array;
  temperature: number;
  /** Per class, as in `RoutingKernels.setClassSlots`. */
  slots: Uint32Array;
  order: RouteOrder;
}

export interface RouteExpectation {
  record: RouteRecord;
  /** 0 where a class is off. */
  probabilities: Float64Array;
  /** How near, in probability or weight, any decision was to the other side: rounding can tip it. */
  margin: number;
}

interface Ranked {
  classIndex: number;
  /** Relative to the likeliest's. */
  mass: number;
}

export function routeReference(input: RouteInput): RouteExpectation {
  const { slots, order } = input;
  const values = scaledLogits(input);
  const on = [...values.keys()].filter((c) => slots[c] !== CLASS_OFF);
  const probabilities = new Float64Array(values.length);
  if (on.some((c) => !Number.isFinite(values[c]))) {
    return { record: refused(), probabilities, margin: Infinity };
  }
  const sorted = on.sort((a, b) => values[b] - values[a] || a - b);
  const ranked = sorted.map((c) => ({
    classIndex: c,
    mass: Math.exp(values[c] - values[sorted[0]]),
  }));
  const total = ranked.reduce((sum, { mass }) => sum + mass, 0);
  for (const { classIndex, mass } of ranked) probabilities[classIndex] = mass / total;

  const margins: number[] = [];
  const confidence = ranked.length > 0 ? 1 / total : 0;
  const least = Math.fround(order.options.minConfidence);
  if (least > 0 && ranked.length > 0) margins.push(Math.abs(confidence - least));
  let abstained = ranked.length > 0 && confidence < least;
  let choices = abstained ? [] : weigh(take(ranked, { total, order, margins }), total, order);
  const kept = keeps(input, choices, margins);
  if (kept) {
    choices = order.previous!.map(({ classIndex, weight }) => ({
      classIndex,
      weight: Math.fround(weight),
    }));
    abstained &&= choices.length === 0;
  }
  const entropy = probabilities.reduce((sum, p) => sum - (p > 0 ? p * Math.log(p) : 0), 0);
  const outcome = misses(choices, { slots, onMiss: order.options.onMiss });
  const record = {
    ...outcome,
    confidence,
    entropy,
    abstained,
    kept,
    failed: false,
    noClass: ranked.length === 0,
  };
  return { record, probabilities, margin: Math.min(...margins, Infinity) };
}

/** As the GPU has them: a product in f32. */
function scaledLogits({ logits, prototypeLogits, temperature }: RouteInput): Float32Array {
  const inverse = Math.fround(1 / temperature);
  return Float32Array.of(...[...logits].map((logit) => logit * inverse), ...prototypeLogits);
}

/** The classes chosen, with their masses. */
function take(
  ranked: readonly Ranked[],
  { total, order, margins }: { total: number; order: RouteOrder; margins: number[] },
): Ranked[] {
  const { mode, maxAdapters } = order.options;
  const p = Math.fround(order.options.p);
  const most = mode === "top-1" ? 1 : maxAdapters;
  const taken = ranked.slice(0, 1);
  let reached = 1;
  for (const next of ranked.slice(1)) {
    if (taken.length === most) break;
    const share = (mode === "threshold" ? next.mass : reached) / total;
    if (p > 0 && p < 1) margins.push(Math.abs(share - p));
    if (mode === "threshold" ? share < p : p < 1 && share >= p) break;
    taken.push(next);
    reached += next.mass;
  }
  return taken;
}

function weigh(taken: readonly Ranked[], total: number, { options }: RouteOrder): RouteChoice[] {
  const raw = taken.map(({ mass }) => {
    if (options.mode === "uniform") return 1;
    return options.mode === "softmax-of-probs" ? Math.exp(mass / total) : mass;
  });
  const sum = raw.reduce((a, b) => a + b, 0);
  return taken.map(({ classIndex }, i) => ({ classIndex, weight: raw[i] / sum }));
}

function keeps(
  { order, slots }: RouteInput,
  choices: readonly RouteChoice[],
  margins: number[],
): boolean {
  const { previous, options } = order;
  const isHere = (c: number) => c < slots.length && slots[c] < CLASS_OFF;
  if (!previous || !previous.every(({ classIndex }) => isHere(classIndex))) return false;
  const bound = Math.fround(options.hysteresis);
  if (previous.length === 0 || choices.length === 0) {
    return (previous.length === choices.length ? 0 : 0.5) <= bound;
  }
  const weights = new Map(choices.map(({ classIndex, weight }) => [classIndex, weight]));
  for (const { classIndex, weight } of previous) {
    weights.set(classIndex, (weights.get(classIndex) ?? 0) - Math.fround(weight));
  }
  const sum = [...weights.values()].reduce((sum, w) => sum + Math.abs(w), 0);
  const distance = Math.min(sum / 2, 1);
  // Whole weights are exact, and a bound of 1 keeps everything.
  const exact = [...choices, ...previous].every(({ weight }) => weight === 1) || bound >= 1;
  if (!exact) margins.push(Math.abs(distance - bound));
  return distance <= bound;
}

function misses(
  choices: readonly RouteChoice[],
  { slots, onMiss }: { slots: Uint32Array; onMiss: "wait" | "renormalise" },
): Pick<RouteRecord, "choices" | "applied" | "missed" | "stopped" | "base"> {
  const wanted = choices.map((choice) => {
    const slot = slots[choice.classIndex];
    return { ...choice, slot: slot === NO_SLOT ? null : slot };
  });
  const present = wanted.filter(({ slot }) => slot !== null);
  const missed = present.length < wanted.length;
  const stopped = missed && onMiss === "wait";
  const mass = present.reduce((sum, { weight }) => sum + weight, 0);
  const applied = mass === 0 ? [] : present.map(({ classIndex, weight }) => ({
    classIndex,
    weight: missed ? weight / mass : weight,
  }));
  return {
    choices: wanted,
    applied: stopped ? null : applied,
    missed,
    stopped,
    base: !stopped && applied.length === 0,
  };
}

function refused(): RouteRecord {
  return {
    choices: [],
    applied: null,
    confidence: 0,
    entropy: 0,
    abstained: false,
    kept: false,
    failed: true,
    missed: false,
    stopped: false,
    noClass: false,
    base: false,
  };
}

import type { Prototype } from "../kernels/mod.ts";
import { decodeReferences, type RouterReferences } from "./references.ts";

/** A class made from examples, and how well it can be told from the router's own. */
export interface PrototypeFitResult {
  prototype: Prototype;
  /** Share of the examples that it wins when it hasn't seen them (of parts left out in turn). */
  won: number;
  /** Share of the references that it takes from their classes, not having seen them either. */
  taken: number;
}

/** One text for the fit. */
interface Sample {
  features: Float32Array;
  /** log Σ exp(logit / temperature) of the router's own classes. */
  total: number;
  /** 1: the new class's; 0: another's. */
  target: number;
  weight: number;
}

/** log-odds `features · direction + bias − total` of the new class against all others together. */
interface Line {
  direction: Float64Array;
  bias: number;
}

const PARTS = 5;
/** References that take part in the fit. */
const MOST_FITTED = 1024;
const ROUNDS = 20;
const STEPS = 60;
/** Pull of the direction towards nothing: a few examples can't fix hundreds of numbers. */
const RIDGE = 2e-4;
/** Weight of all references together, the examples' being 1. */
const REFERENCE_WEIGHT = 2;
/** Share of unseen references that a new class may take from theirs. */
const TAKEN_AT_MOST = 0.0013;

/**
 * Fits a class to the features (f32 of length 1, at least one) of example texts, against what
 * `weft.references` holds of the router's own classes: logistic regression on whether a text is the
 * new class's, whose log-odds are the new logit less the logarithm of the own classes' sum. So the
 * logit competes with logits divided by the temperature. Where references that the fit hasn't seen
 * would be taken from their classes, the bias is lowered until hardly any is.
 *
 * @throws WeftError `bad_adapter`, reason `bad_router`, for references that can't be read
 */
export async function fitPrototype(
  { examples, references, width, temperature, pause = async () => {} }: {
    examples: readonly Float32Array[];
    /** The text of `weft.references`. */
    references: string;
    /** Size of the features. */
    width: number;
    temperature: number;
    /** Awaited every few dozen milliseconds of work, of which there is up to a second. */
    pause?: () => Promise<void>;
  },
): Promise<PrototypeFitResult> {
  const known = decodeReferences(references, { features: width });
  const totalOf = (features: Float32Array) => totalLogit(features, known, temperature);
  const others = known.references.map(({ features }): Sample => ({
    features,
    total: totalOf(features),
    target: 0,
    weight: REFERENCE_WEIGHT / known.references.length,
  }));
  const own = examples.map((features): Sample => ({
    features,
    total: totalOf(features),
    target: 1,
    weight: 1 / examples.length,
  }));
  const { near, far } = nearest(others, own);
  const line = await fitLine([...own, ...near], evenLine(own, width), pause);
  const unseen = await unseenOdds({ own, others: near }, line, pause);
  unseen.others.push(...far.map((sample) => oddsOf(sample, line)));
  const raised = threshold(unseen.others);
  const scale = Math.hypot(...line.direction) || 1;
  const above = (odds: readonly number[]) =>
    odds.filter((value) => value > raised).length / Math.max(odds.length, 1);
  return {
    prototype: {
      mean: Float32Array.from(line.direction, (value) => value / scale),
      scale,
      bias: line.bias - raised,
    },
    won: above(unseen.own),
    taken: above(unseen.others),
  };
}

/** Of many references those most like the examples: the others would only cost time. */
function nearest(others: readonly Sample[], own: readonly Sample[]) {
  const sum = new Float64Array(own[0].features.length + 1);
  for (const { features } of own) addScaled(sum, features, 1);
  const sorted = others.map((sample) => ({ sample, likeness: dot(sample.features, sum) }))
    .sort((a, b) => b.likeness - a.likeness).map(({ sample }) => sample);
  return { near: sorted.slice(0, MOST_FITTED), far: sorted.slice(MOST_FITTED) };
}

/** The odds of every text by a line fitted without it: texts are left out in parts, in turn. */
async function unseenOdds(
  { own, others }: { own: readonly Sample[]; others: readonly Sample[] },
  whole: Line,
  pause: () => Promise<void>,
) {
  const odds = { own: [] as number[], others: [] as number[] };
  for (let part = 0; part < PARTS; part++) {
    const isIn = (_: Sample, i: number) => i % PARTS === part;
    const isOut = (sample: Sample, i: number) => !isIn(sample, i);
    // One example alone has to stand for itself.
    const seen = own.length > 1 ? own.filter(isOut) : own;
    // The way from the whole's line is short, and it ends at the same place from anywhere.
    const line = await fitLine([...seen, ...others.filter(isOut)], whole, pause);
    odds.own.push(...own.filter(isIn).map((sample) => oddsOf(sample, line)));
    odds.others.push(...others.filter(isIn).map((sample) => oddsOf(sample, line)));
  }
  return odds;
}

/** By how much the bias is lowered so that hardly any unseen reference is taken. */
function threshold(odds: readonly number[]): number {
  const sorted = [...odds].sort((a, b) => b - a);
  const allowed = Math.floor(TAKEN_AT_MOST * sorted.length);
  return Math.max(0, sorted[allowed] ?? 0);
}

/** Where the new class and the others are even, on average over its examples. */
function evenLine(own: readonly Sample[], width: number): Line {
  const bias = own.reduce((sum, { total }) => sum + total / own.length, 0);
  return { direction: new Float64Array(width), bias };
}

/** Weighted logistic regression with a ridge: Newton's steps, shortened until they bring something. */
async function fitLine(
  samples: readonly Sample[],
  start: Line,
  pause: () => Promise<void>,
): Promise<Line> {
  const width = start.direction.length;
  let line = Float64Array.of(...start.direction, start.bias);
  let loss = lossOf(samples, line);
  for (let round = 0; round < ROUNDS; round++) {
    await pause();
    const before = loss;
    const step = newtonStep(samples, line);
    for (let share = 1; share > 1e-3; share /= 2) {
      const next = line.map((value, j) => value - share * step[j]);
      const nextLoss = lossOf(samples, next);
      if (nextLoss >= loss) continue;
      [line, loss] = [next, nextLoss];
      break;
    }
    if (loss > before * (1 - 1e-3)) break;
  }
  return { direction: line.subarray(0, width), bias: line[width] };
}

function lossOf(samples: readonly Sample[], line: Float64Array): number {
  const width = line.length - 1;
  let loss = 0;
  for (let j = 0; j < width; j++) loss += RIDGE / 2 * line[j] ** 2;
  for (const { features, total, target, weight } of samples) {
    const odds = dot(features, line) + line[width] - total;
    const wrong = target === 1 ? -odds : odds;
    loss += weight * (Math.max(wrong, 0) + Math.log1p(Math.exp(-Math.abs(wrong))));
  }
  return loss;
}

function newtonStep(samples: readonly Sample[], line: Float64Array): Float64Array {
  const width = line.length - 1;
  const gradient = new Float64Array(width + 1);
  const curvature = samples.map(({ features, total, target, weight }) => {
    const odds = dot(features, line) + line[width] - total;
    const p = 1 / (1 + Math.exp(-odds));
    addScaled(gradient, features, weight * (p - target));
    return weight * p * (1 - p);
  });
  for (let j = 0; j < width; j++) gradient[j] += RIDGE * line[j];
  return solve(samples, curvature, gradient);
}

/** Solves (Σ curvature·x·xᵀ + ridge) · step = gradient by conjugate gradients. */
function solve(
  samples: readonly Sample[],
  curvature: readonly number[],
  gradient: Float64Array,
): Float64Array {
  const width = gradient.length - 1;
  // What hardly bends the loss would only cost time.
  const bending = samples.map(({ features }, i) => ({ features, curvature: curvature[i] }))
    .filter((entry) => entry.curvature > 1e-9);
  const x = new Float64Array(width + 1);
  const residual = gradient.slice();
  const search = residual.slice();
  let size = inner(residual, residual);
  const enough = 1e-6 * size;
  for (let i = 0; i < STEPS && size > enough; i++) {
    // A little for the bias too, which has no ridge of its own.
    const image = search.map((value) => RIDGE * value);
    for (const { features, curvature } of bending) {
      addScaled(image, features, curvature * (dot(features, search) + search[width]));
    }
    const alpha = size / inner(search, image);
    for (let j = 0; j <= width; j++) {
      x[j] += alpha * search[j];
      residual[j] -= alpha * image[j];
    }
    const next = inner(residual, residual);
    for (let j = 0; j <= width; j++) search[j] = residual[j] + next / size * search[j];
    size = next;
  }
  return x;
}

function oddsOf({ features, total }: Sample, { direction, bias }: Line): number {
  return dot(features, direction) + bias - total;
}

function totalLogit(
  features: Float32Array,
  { weights, biases }: RouterReferences,
  temperature: number,
): number {
  const classes = biases.length;
  const logits = Float64Array.from(biases);
  features.forEach((value, j) => {
    for (let c = 0; c < classes; c++) logits[c] += value * weights[j * classes + c];
  });
  const top = logits.reduce((a, b) => Math.max(a, b));
  const sum = logits.reduce((sum, logit) => sum + Math.exp((logit - top) / temperature), 0);
  return top / temperature + Math.log(sum);
}

function dot(features: Float32Array, v: Float64Array): number {
  let sum = 0;
  for (let j = 0; j < features.length; j++) sum += features[j] * v[j];
  return sum;
}

function inner(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, value, j) => sum + value * b[j], 0);
}

/** Adds `scale` times the features, and a last one of 1. */
function addScaled(out: Float64Array, features: Float32Array, scale: number): void {
  for (let j = 0; j < features.length; j++) out[j] += scale * features[j];
  out[features.length] += scale;
}

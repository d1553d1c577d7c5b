import { createRng, type Rng } from "../tasks/rng.ts";
import { readAll } from "./batches.ts";
import { Embedding } from "./embedding.ts";
import type { RouterInputExample } from "./examples.ts";
import { type Layer, Mlp, type MlpReading } from "./mlp.ts";
import { Pools } from "./pools.ts";
import { lossOf } from "./scores.ts";

export interface FitOptions {
  seed: number;
  classes: number;
  maxTokens: number;
  width: number;
  hidden: number;
  /** Most times over the data; null: `DEFAULT_EPOCHS`, more for little data. */
  epochs: number | null;
  maxMinutes: number;
  learningRate: number;
  weightDecay: number;
  /** Share of tokens left out at random while training. */
  tokenDropout: number;
  /** Whether labels with few examples weigh more, so that all weigh the same together. */
  balance: boolean;
}

export interface FitProgress {
  step: number;
  steps: number;
  /** Since the last validation. */
  loss: number;
  /** Of the validation examples; null between validations. */
  valid: { loss: number; accuracy: number } | null;
}

export interface Fit {
  embedding: Embedding;
  mlp: Mlp;
  layers: Layer[];
  steps: number;
  /** Why it ended. */
  end: "all epochs" | "no better any more" | "out of time" | "interrupted";
  /** At the step that was kept. */
  best: { step: number; loss: number; accuracy: number };
  /** Of the validation examples, in their order. */
  reading: MlpReading;
}

const DEFAULT_EPOCHS = 14;
const LEAST_STEPS = 600;
const WARM_UP_STEPS = 100;
/** Steps between validations, at least, and how many of them may bring nothing. */
const LEAST_BETWEEN = 50;
const PATIENCE = 4;

/**
 * Trains, and keeps what did best on `valid`.
 * @param stop asked after every step
 * @returns null when it was stopped before the first validation
 */
export async function fit(
  { train, valid }: {
    train: readonly RouterInputExample[];
    valid: readonly RouterInputExample[];
  },
  options: FitOptions,
  { stop, onProgress }: {
    stop: () => "out of time" | "interrupted" | null;
    onProgress: (progress: FitProgress) => void;
  },
): Promise<Fit | null> {
  const batch = batchFor(train.length);
  const perEpoch = Math.ceil(train.length / batch);
  const epochs = options.epochs ?? Math.max(DEFAULT_EPOCHS, Math.ceil(LEAST_STEPS / perEpoch));
  const steps = epochs * perEpoch;
  const between = Math.max(perEpoch, LEAST_BETWEEN);
  const { embedding, mlp } = await createNet([...train, ...valid], options, batch);
  const net = { embedding, mlp };
  const rowsOf = ({ tokens }: RouterInputExample) => embedding.rowsOf(tokens);
  const [texts, validTexts] = [train.map(rowsOf), valid.map(rowsOf)];
  const validLabels = valid.map(({ label }) => label);
  const weights = options.balance ? balanced(train, options.classes) : train.map(() => 1);
  const rng = createRng(`batches/${options.seed}`);

  let best:
    | { at: Fit["best"]; layers: Layer[]; vectors: Float32Array; reading: MlpReading }
    | null = null;
  let order: number[] = [];
  let [sum, count, bad] = [0, 0, 0];
  let end: Fit["end"] = "all epochs";
  let step = 0;
  while (step < steps) {
    if (order.length === 0) order = rng.shuffle(train.map((_, i) => i));
    const chosen = order.splice(0, batch);
    const rate = options.learningRate * schedule(step, steps);
    sum += await trainStep(chosen, { ...net, train, texts, weights, rate, options, rng });
    count++;
    step++;
    const stopped = stop();
    if (step % between === 0 || step === steps || (stopped !== null && best !== null)) {
      const reading = await readAll(validTexts, net);
      const at = { step, ...lossOf(reading.logits, validLabels, options.classes) };
      onProgress({ step, steps, loss: sum / count, valid: at });
      [sum, count] = [0, 0];
      bad = best && at.loss >= best.at.loss ? bad + 1 : 0;
      if (bad === 0) {
        best = { at, reading, layers: await mlp.snapshot(), vectors: embedding.snapshot() };
      }
      if (bad === PATIENCE && step < steps) {
        end = "no better any more";
        break;
      }
    } else onProgress({ step, steps, loss: sum / count, valid: null });
    if (stopped !== null) {
      end = stopped;
      break;
    }
  }
  if (best === null) return null;
  embedding.restore(best.vectors);
  mlp.restore(best.layers);
  return { ...net, layers: best.layers, steps: step, end, best: best.at, reading: best.reading };
}

async function createNet(
  examples: readonly RouterInputExample[],
  options: FitOptions,
  batch: number,
): Promise<{ embedding: Embedding; mlp: Mlp }> {
  const rng = createRng(`net/${options.seed}`);
  const embedding = new Embedding(examples.map(({ tokens }) => tokens), {
    width: options.width,
    pools: new Pools(options.maxTokens),
    rng,
  });
  const { hidden, classes, weightDecay } = options;
  const mlp = await Mlp.create(
    { inputs: embedding.pooledSize, hidden, classes, batch, weightDecay },
    rng,
  );
  return { embedding, mlp };
}

async function trainStep(
  chosen: readonly number[],
  { embedding, mlp, train, texts, weights, rate, options, rng }: {
    embedding: Embedding;
    mlp: Mlp;
    train: readonly RouterInputExample[];
    texts: readonly Int32Array[];
    weights: readonly number[];
    rate: number;
    options: FitOptions;
    rng: Rng;
  },
): Promise<number> {
  const { batch, inputs, classes } = mlp.shape;
  const pooled = new Float32Array(batch * inputs);
  const targets = new Float32Array(batch * classes);
  const whole = chosen.reduce((total, index) => total + weights[index], 0);
  const seen = chosen.map((index) =>
    texts[index].map((row) => rng.chance(options.tokenDropout) ? -1 : row)
  );
  chosen.forEach((index, i) => {
    embedding.pool(seen[i], pooled, i * inputs);
    targets[i * classes + train[index].label] = weights[index] / whole;
  });
  const { loss, gradient } = await mlp.train(pooled, targets, rate);
  seen.forEach((rows, i) => embedding.pull(rows, gradient, i * inputs));
  embedding.step(rate);
  return loss;
}

/** 16 to 256, a power of two, about twenty of them in the data. */
function batchFor(examples: number): number {
  const wished = 2 ** Math.round(Math.log2(Math.max(examples, 1) / 20));
  return Math.min(256, Math.max(16, wished));
}

/** The share of the learning rate at a step: up in a line, down in half a cosine. */
function schedule(step: number, steps: number): number {
  const up = Math.min(1, (step + 1) / Math.min(WARM_UP_STEPS, steps / 5 + 1));
  return up * (0.01 + 0.99 * (0.5 + 0.5 * Math.cos(Math.PI * step / steps)));
}

/** Weights per example, 1 on average, that make every label weigh the same; at most 20. */
function balanced(train: readonly RouterInputExample[], classes: number): number[] {
  const counts = new Array<number>(classes).fill(0);
  train.forEach(({ label }) => counts[label]++);
  const present = counts.filter((count) => count > 0).length;
  return train.map(({ label }) => Math.min(20, train.length / present / counts[label]));
}

import { judge } from "./scores.ts";

/** What a router file says about how to read its logits. */
export interface Calibration {
  temperature: number;
  minConfidence: number;
  topP: number;
}

/** Share of right validation examples that may fall below `minConfidence`. */
const LOST_BELOW = 0.005;
/** It never exceeds this: a text of two tasks may have half its mass on either. */
const MOST_MIN_CONFIDENCE = 0.4;
/** Masses to choose from, and the share of validation examples whose label they may miss. */
const MASSES = [0.7, 0.8, 0.9, 0.95, 0.99];
const MISSED_BY_MASS = 0.005;

/** `right`: the classes of the rows of `logits`, f32 `[rows, classes]`, that training did not see. */
export function calibrate(
  logits: Float32Array,
  right: readonly number[],
  classes: number,
): Calibration {
  const temperature = fitTemperature(logits, right, classes);
  const verdicts = right.map((label, row) => judge(logits, row, { classes, temperature, label }));
  const confidences = verdicts.filter(({ named }, i) => named === right[i])
    .map(({ confidence }) => confidence).sort((a, b) => a - b);
  const least = confidences[Math.floor(confidences.length * LOST_BELOW)] ?? 0;
  const before = right.map((label, row) =>
    massBefore(logits, row, { classes, temperature, label })
  );
  const topP =
    MASSES.find((mass) =>
      before.filter((value) => value >= mass).length <= MISSED_BY_MASS * right.length
    ) ?? MASSES[MASSES.length - 1];
  const minConfidence = Math.max(1 / classes, Math.min(MOST_MIN_CONFIDENCE, least));
  return { temperature, minConfidence: round(minConfidence), topP };
}

/**
 * The temperature of least cross-entropy, by golden section over its logarithm. A little of each
 * target goes to all classes, else a validation without errors would want no temperature at all.
 */
function fitTemperature(logits: Float32Array, right: readonly number[], classes: number): number {
  const smooth = 1 / (right.length + 2);
  const lossAt = (exponent: number) => {
    const temperature = Math.exp(exponent);
    let loss = 0;
    right.forEach((label, row) => {
      const verdict = judge(logits, row, { classes, temperature, label });
      let mean = 0;
      for (let c = 0; c < classes; c++) mean += logits[row * classes + c] / classes;
      const gap = (logits[row * classes + label] - mean) / temperature;
      loss += verdict.loss + smooth * gap;
    });
    return loss;
  };
  const ratio = (Math.sqrt(5) - 1) / 2;
  let [low, high] = [Math.log(0.05), Math.log(20)];
  for (let i = 0; i < 40; i++) {
    const [a, b] = [high - ratio * (high - low), low + ratio * (high - low)];
    if (lossAt(a) < lossAt(b)) high = b;
    else low = a;
  }
  return round(Math.exp((low + high) / 2));
}

/** The probability of all classes likelier than the right one: below p, a nucleus of p holds it. */
function massBefore(
  logits: Float32Array,
  row: number,
  { classes, temperature, label }: { classes: number; temperature: number; label: number },
): number {
  const at = row * classes;
  let [before, whole] = [0, 0];
  for (let c = 0; c < classes; c++) {
    const mass = Math.exp((logits[at + c] - logits[at + label]) / temperature);
    whole += mass;
    if (logits[at + c] > logits[at + label]) before += mass;
  }
  return whole === Infinity ? 1 : before / whole;
}

function round(value: number): number {
  return Number(value.toPrecision(4));
}

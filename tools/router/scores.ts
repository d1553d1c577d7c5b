/** What is measured of logits f32 `[rows, classes]` with the right classes known. */

/** One label's figures. */
export interface LabelScore {
  label: string;
  examples: number;
  /** Share that was named; 0 without examples. */
  recall: number;
  /** Share of what was named as this that is it; 0 when it was never named. */
  precision: number;
}

export interface Scores {
  examples: number;
  accuracy: number;
  /** Mean cross-entropy at the given temperature, in nats. */
  loss: number;
  /** Expected calibration error: over `BINS` bins, |confidence − accuracy| by the bin's share. */
  calibrationError: number;
  meanConfidence: number;
  labels: LabelScore[];
  /** Most frequent first. */
  confusions: { is: string; named: string; count: number }[];
}

export const BINS = 15;
const MOST_CONFUSIONS = 20;

/** The likeliest class, its probability, and the loss, of one row. */
export function judge(
  logits: Float32Array,
  row: number,
  { classes, temperature, label }: { classes: number; temperature: number; label: number },
): { named: number; confidence: number; loss: number } {
  let named = 0;
  const at = row * classes;
  for (let c = 1; c < classes; c++) if (logits[at + c] > logits[at + named]) named = c;
  let sum = 0;
  for (let c = 0; c < classes; c++) {
    sum += Math.exp((logits[at + c] - logits[at + named]) / temperature);
  }
  const loss = Math.log(sum) - (logits[at + label] - logits[at + named]) / temperature;
  return { named, confidence: 1 / sum, loss };
}

/** Mean loss and accuracy at temperature 1. */
export function lossOf(
  logits: Float32Array,
  labels: readonly number[],
  classes: number,
): { loss: number; accuracy: number } {
  let [loss, right] = [0, 0];
  labels.forEach((label, row) => {
    const verdict = judge(logits, row, { classes, temperature: 1, label });
    loss += verdict.loss / labels.length;
    if (verdict.named === label) right++;
  });
  return { loss, accuracy: right / labels.length };
}

export function score(
  logits: Float32Array,
  { right, labels, temperature }: {
    right: readonly number[];
    labels: readonly string[];
    temperature: number;
  },
): Scores {
  const classes = labels.length;
  const verdicts = right.map((label, row) => judge(logits, row, { classes, temperature, label }));
  const mean = (values: number[]) => values.reduce((a, b) => a + b, 0) / values.length;
  return {
    examples: right.length,
    accuracy: mean(verdicts.map(({ named }, i) => Number(named === right[i]))),
    loss: mean(verdicts.map(({ loss }) => loss)),
    calibrationError: calibrationError(
      verdicts.map(({ named, confidence }, i) => ({ confidence, isRight: named === right[i] })),
    ),
    meanConfidence: mean(verdicts.map(({ confidence }) => confidence)),
    labels: labels.map((label, index) => {
      const of = right.filter((entry) => entry === index).length;
      const named = verdicts.filter((entry) => entry.named === index).length;
      const hits = verdicts.filter((entry, i) =>
        entry.named === index && right[i] === index
      ).length;
      return { label, examples: of, recall: hits / (of || 1), precision: hits / (named || 1) };
    }),
    confusions: confusionsOf(verdicts.map(({ named }) => named), right, labels),
  };
}

export function calibrationError(
  verdicts: readonly { confidence: number; isRight: boolean }[],
): number {
  const bins = Map.groupBy(
    verdicts,
    ({ confidence }) => Math.min(BINS - 1, Math.floor(confidence * BINS)),
  );
  let error = 0;
  for (const bin of bins.values()) {
    const gap = bin.reduce((sum, { confidence, isRight }) => sum + confidence - Number(isRight), 0);
    error += Math.abs(gap) / verdicts.length;
  }
  return error;
}

function confusionsOf(
  named: readonly number[],
  right: readonly number[],
  labels: readonly string[],
): Scores["confusions"] {
  const wrong = right.flatMap((is, i) => named[i] === is ? [] : [{ is, named: named[i] }]);
  const pairs = Map.groupBy(wrong, ({ is, named }) => `${is}/${named}`);
  return [...pairs.values()]
    .sort((a, b) => b.length - a.length)
    .slice(0, MOST_CONFUSIONS)
    .map((pair) => ({
      is: labels[pair[0].is],
      named: labels[pair[0].named],
      count: pair.length,
    }));
}

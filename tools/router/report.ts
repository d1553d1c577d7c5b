import type { Calibration } from "./calibration.ts";
import type { Fit } from "./fit.ts";
import type { TrainOptions } from "./options.ts";
import type { Scores } from "./scores.ts";

/** What `deno task router train` writes beside the router, as JSON. */
export interface TrainReport {
  version: string;
  options: TrainOptions;
  trainExamples: number;
  /** Why the training ended, after how many steps, and which one was kept. */
  end: Fit["end"];
  steps: number;
  keptStep: number;
  seconds: number;
  parameters: number;
  bytes: number;
  /** Tokens of the vocabulary that the data holds. */
  tokens: number;
  calibration: Calibration;
  /** On the examples that were held back. */
  validation: Scores;
}

export function trainReport(
  { result, scores, version, options, examples, seconds, bytes, calibration }: {
    result: Fit;
    scores: Scores;
    version: string;
    options: TrainOptions;
    examples: number;
    seconds: number;
    bytes: number;
    calibration: Calibration;
  },
): TrainReport {
  const sizes = result.layers.map(({ weights, biases }) => weights.length + biases.length);
  const { tokens, width } = result.embedding;
  return {
    version,
    options,
    trainExamples: examples,
    end: result.end,
    steps: result.steps,
    keptStep: result.best.step,
    seconds: Number(seconds.toFixed(1)),
    parameters: sizes.reduce((a, b) => a + b, tokens * width),
    bytes,
    tokens,
    calibration,
    validation: scores,
  };
}

/** The report for a terminal. */
export function reportText(report: TrainReport): string {
  const { calibration, validation } = report;
  return [
    `${report.trainExamples} examples, ${report.steps} steps in ${report.seconds} s (${report.end}; ` +
    `step ${report.keptStep} kept)`,
    `${report.parameters} trained parameters, ${report.bytes} bytes`,
    `temperature ${calibration.temperature}, min_confidence ${calibration.minConfidence}, ` +
    `top_p ${calibration.topP}`,
    "",
    `Held back: ${scoresText(validation)}`,
  ].join("\n");
}

/** Figures for a terminal: the whole, every label, and the pairs most often confused. */
export function scoresText(scores: Scores): string {
  const percent = (share: number) => `${(100 * share).toFixed(2)} %`;
  const width = Math.max(5, ...scores.labels.map(({ label }) => label.length));
  const rows = scores.labels.map(({ label, examples, recall, precision }) =>
    [
      label.padEnd(width),
      String(examples).padStart(8),
      percent(recall).padStart(9),
      percent(precision).padStart(9),
    ].join("  ")
  );
  const pairs = scores.confusions.map(({ is, named, count }) => `  ${is} named ${named}: ${count}`);
  return [
    `${scores.examples} examples, accuracy ${percent(scores.accuracy)}, loss ` +
    `${scores.loss.toFixed(4)}, calibration error ${percent(scores.calibrationError)}, mean ` +
    `confidence ${percent(scores.meanConfidence)}`,
    `${"label".padEnd(width)}  examples     recall  precision`,
    ...rows,
    ...(pairs.length === 0 ? ["No confusions"] : ["Confusions:", ...pairs]),
  ].join("\n");
}

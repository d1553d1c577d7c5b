import { WeftError } from "../../engine/core/errors.ts";
import { encodeReferences, referencesPerClass } from "../../engine/router/mod.ts";
import { createRng } from "../tasks/rng.ts";
import { readAll } from "./batches.ts";
import { calibrate, type Calibration } from "./calibration.ts";
import { type DataLine, readData } from "./data_files.ts";
import { encodeLines, labelsOf, type RouterInputExample, splitExamples } from "./examples.ts";
import { type Fit, fit, type FitProgress } from "./fit.ts";
import { openModel } from "./model_tokenizer.ts";
import type { TrainOptions } from "./options.ts";
import { type TrainReport, trainReport } from "./report.ts";
import { routerFile } from "./router_graph.ts";
import { score } from "./scores.ts";

export interface Trained {
  file: Uint8Array<ArrayBuffer>;
  report: TrainReport;
}

/** What a training tells and asks on its way. */
export interface TrainHooks {
  onProgress(progress: FitProgress): void;
  /** Whether the user wants it to end. */
  interrupted(): boolean;
}

/**
 * Trains a router from files.
 * @returns null when it was stopped before there was anything to keep
 * @throws WeftError `invalid_request` for data that can't be used, `bad_model` for the tokenizer
 */
export function train(options: TrainOptions, hooks: TrainHooks): Promise<Trained | null> {
  return trainOn(readData(options.data), options, hooks);
}

/** The same from data in memory. */
export async function trainOn(
  lines: readonly DataLine[],
  options: TrainOptions,
  hooks: TrainHooks,
): Promise<Trained | null> {
  const began = performance.now();
  const seconds = () => (performance.now() - began) / 1000;
  const labels = labelsOf(lines);
  const tokenizer = await openModel(options.model);
  try {
    const { maxTokens, seed } = options;
    const examples = encodeLines(lines, { tokenizer, labels, maxTokens });
    const parts = splitExamples(examples, { share: options.validShare, seed });
    checkParts(parts, labels);
    const stop = () => {
      if (hooks.interrupted()) return "interrupted";
      return seconds() > 60 * options.maxMinutes ? "out of time" : null;
    };
    const result = await fit(
      parts,
      { ...options, classes: labels.length },
      { stop, onProgress: hooks.onProgress },
    );
    if (result === null) return null;
    const right = parts.valid.map(({ label }) => label);
    const calibration = calibrate(result.reading.logits, right, labels.length);
    const { temperature } = calibration;
    const scores = score(result.reading.logits, { right, labels, temperature });
    const { file, version } = await assemble(result, {
      labels,
      calibration,
      references: await drawReferences(parts, result, seed),
      vocabSize: tokenizer.vocabSize,
      tokenizer: tokenizer.vocabularyHash,
      maxTokens,
      seed,
    });
    const report = trainReport({
      options,
      result,
      calibration,
      scores,
      version,
      bytes: file.length,
      examples: parts.train.length,
      seconds: seconds(),
    });
    return { file, report };
  } finally {
    tokenizer.close();
  }
}

function checkParts(
  { train, valid }: { train: RouterInputExample[]; valid: RouterInputExample[] },
  labels: readonly string[],
): void {
  const known = new Set(train.map(({ label }) => label));
  const missing = labels.find((_, index) => !known.has(index));
  if (missing !== undefined) {
    throw new WeftError(
      "invalid_request",
      `Cannot learn label ${JSON.stringify(missing)}: all its examples went to validation; ` +
        "give it more prompts",
    );
  }
  if (valid.length === 0) {
    throw new WeftError(
      "invalid_request",
      "Cannot hold examples back for validation: give some label two different prompts",
    );
  }
}

/**
 * Features of examples of every class, drawn at random, and the class layer. Those that were held back
 * come first: of what it was trained on a net is surer than of anything it will meet.
 */
async function drawReferences(
  { train, valid }: { train: readonly RouterInputExample[]; valid: readonly RouterInputExample[] },
  { embedding, mlp, layers }: Fit,
  seed: number,
): Promise<string> {
  const rng = createRng(`references/${seed}`);
  const { classes, hidden } = mlp.shape;
  const most = referencesPerClass(classes, hidden);
  const byLabel = Map.groupBy([...rng.shuffle(valid), ...rng.shuffle(train)], ({ label }) => label);
  const drawn = [...byLabel.values()].flatMap((list) => list.slice(0, most));
  const texts = drawn.map(({ tokens }) => embedding.rowsOf(tokens));
  const { features } = await readAll(texts, { embedding, mlp });
  return encodeReferences({
    references: drawn.map(({ label }, i) => ({
      classIndex: label,
      features: features.subarray(i * hidden, (i + 1) * hidden),
    })),
    weights: layers[3].weights,
    biases: layers[3].biases,
  });
}

async function assemble(
  { embedding, layers }: Fit,
  { labels, calibration, references, vocabSize, tokenizer, maxTokens, seed }: {
    labels: readonly string[];
    calibration: Calibration;
    references: string;
    vocabSize: number;
    tokenizer: string;
    maxTokens: number;
    seed: number;
  },
): Promise<{ file: Uint8Array<ArrayBuffer>; version: string }> {
  const weights = {
    embedding: embedding.full(vocabSize, createRng(`unseen/${seed}`)),
    tokens: vocabSize,
    width: embedding.width,
    maxTokens,
    layers,
  };
  const metadata = {
    format: "router/1",
    labels: JSON.stringify(labels),
    tokenizer,
    temperature: String(calibration.temperature),
    min_confidence: String(calibration.minConfidence),
    top_p: String(calibration.topP),
    max_tokens: String(maxTokens),
    references,
  };
  const digest = await crypto.subtle.digest("SHA-256", routerFile(weights, metadata));
  const version = new Uint8Array(digest).toHex().slice(0, 16);
  return { file: routerFile(weights, { ...metadata, version }), version };
}

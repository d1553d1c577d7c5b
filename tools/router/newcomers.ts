/**
 * How well a task that a router was not trained for is added to it by example prompts: trains without
 * each of the named tasks, adds it by 10 and by 50 of its training prompts, and measures.
 *
 *     XDG_RUNTIME_DIR=/tmp deno run -A tools/router/newcomers.ts .weft/router-data models/demo antonyms navigation
 *
 * The folder is one of `tools/tasks/generate.ts router`.
 */
import { loadTokenizer, type TextTokenizer } from "../../engine/mod.ts";
import type { Prototype } from "../../engine/kernels/mod.ts";
import { fitPrototype, readRouterFile } from "../../engine/router/mod.ts";
import { type DataLine, readData } from "./data_files.ts";
import { encodeLines } from "./examples.ts";
import { readCommand, type TrainOptions } from "./options.ts";
import { runRouter } from "./run_router.ts";
import { trainOn } from "./train.ts";

const SIZES = [10, 50];
/** Different sets of examples of each size. */
const DRAWS = 5;
/** Composites' sentences in the training: enough to learn from, and soon done. */
const SENTENCES = 20_000;

/** A text of the tests: what the router says of it, and its class (the newcomer is the last). */
export interface Judged {
  label: number;
  features: Float32Array;
  /** Divided by the temperature. */
  logits: Float32Array;
}

/** The lines about prompts in which the task has no part. */
export function without(lines: readonly DataLine[], task: string): DataLine[] {
  const keyOf = ({ input }: DataLine) => typeof input === "string" ? input : input[0].content;
  const its = new Set(lines.filter(({ output }) => output === task).map(keyOf));
  return lines.filter((line) => !its.has(keyOf(line)));
}

/** A prototype's logit, as the GPU computes it. */
export function logitOf({ mean, scale, bias }: Prototype): (features: Float32Array) => number {
  return (features) => bias + scale * features.reduce((sum, value, j) => sum + value * mean[j], 0);
}

/** Accuracy on a text set once the newcomer takes part; `logit`: the newcomer's, null without it. */
export function accuracyWith(
  texts: readonly Judged[],
  logit: ((features: Float32Array) => number) | null,
): { accuracy: number; confidence: number } {
  let [right, confidence] = [0, 0];
  for (const { label, features, logits } of texts) {
    const all = [...logits, ...(logit ? [logit(features)] : [])];
    const top = Math.max(...all);
    if (all.indexOf(top) === label) right++;
    confidence += 1 / all.reduce((sum, value) => sum + Math.exp(value - top), 0);
  }
  return { accuracy: right / texts.length, confidence: confidence / texts.length };
}

async function measure(folder: string, model: string, task: string): Promise<void> {
  const options = trainOptions(folder, model);
  const prompts = readData(`${folder}/train/prompts.jsonl`);
  const sentences = without(readData(`${folder}/train/sentences.jsonl`), task);
  const old = [...without(prompts, task), ...sentences.slice(0, SENTENCES)];
  const trained = await trainOn(old, options, { onProgress: () => {}, interrupted: () => false });
  const tokenizer = await loadTokenizer(model);
  const read = (lines: DataLine[]) => judge(trained!.file, lines, { task, tokenizer });
  const test = readData(`${folder}/test/prompts.jsonl`);
  const [own, others, contexts, examples] = [
    await read(test.filter(({ output }) => output === task)),
    await read(without(test, task)),
    await read(without(readData(`${folder}/test/sentences.jsonl`), task)),
    await read(prompts.filter(({ output }) => output === task).slice(0, DRAWS * 50)),
  ];
  tokenizer.close();
  const { features, temperature, references } = readRouterFile(trained!.file);
  for (const size of SIZES) {
    const fits = await Array.fromAsync({ length: DRAWS }, async (_, draw) => {
      const chosen = examples.slice(draw * size, (draw + 1) * size);
      const began = performance.now();
      const { prototype, won, taken } = await fitPrototype({
        examples: chosen.map(({ features }) => features),
        references: references!,
        width: features!,
        temperature,
      });
      const ms = performance.now() - began;
      const logit = logitOf(prototype);
      const [self, rest, within] = [own, others, contexts].map((texts) =>
        accuracyWith(texts, logit)
      );
      return { self, rest, within, won, taken, ms };
    });
    const percent = (value: number) => (100 * value).toFixed(2);
    const mean = (of: (fit: typeof fits[0]) => number) =>
      percent(fits.reduce((sum, fit) => sum + of(fit) / fits.length, 0));
    const [restBefore, withinBefore] = [accuracyWith(others, null), accuracyWith(contexts, null)];
    console.log([
      `${task}, ${size} examples:`,
      `right ${mean(({ self }) => self.accuracy)} %`,
      `(worst draw ${percent(Math.min(...fits.map(({ self }) => self.accuracy)))}),`,
      `confidence ${mean(({ self }) => self.confidence)};`,
      `old prompts ${percent(restBefore.accuracy)} to ${mean(({ rest }) => rest.accuracy)} %`,
      `(worst ${percent(Math.min(...fits.map(({ rest }) => rest.accuracy)))}),`,
      `confidence ${percent(restBefore.confidence)} to ${mean(({ rest }) => rest.confidence)};`,
      `old sentences ${percent(withinBefore.accuracy)} to`,
      `${mean(({ within }) => within.accuracy)} %;`,
      `won ${mean(({ won }) => won)}, taken ${mean(({ taken }) => taken)};`,
      `${(fits.reduce((sum, { ms }) => sum + ms, 0) / fits.length).toFixed(0)} ms`,
    ].join(" "));
  }
}

async function judge(
  file: Uint8Array<ArrayBuffer>,
  lines: DataLine[],
  { task, tokenizer }: { task: string; tokenizer: TextTokenizer },
): Promise<Judged[]> {
  const { labels, maxTokens, temperature, features } = readRouterFile(file);
  const texts = encodeLines(lines, { tokenizer, labels: [...labels, task], maxTokens });
  const reading = await runRouter(file, texts.map(({ tokens }) => tokens));
  const [classes, width] = [labels.length, features!];
  return texts.map(({ label }, i) => ({
    label,
    features: reading.features.subarray(i * width, (i + 1) * width),
    logits: reading.logits.subarray(i * classes, (i + 1) * classes)
      .map((logit) => logit / temperature),
  }));
}

function trainOptions(folder: string, model: string): TrainOptions {
  const command = readCommand(["train", "--data", folder, "--model", model, "--out", "-"]);
  if (command.kind !== "train") throw new Error("no training");
  return { ...command.options, epochs: 4 };
}

if (import.meta.main) {
  const [folder, model, ...tasks] = Deno.args;
  for (const task of tasks) await measure(folder, model, task);
  Deno.exit(0);
}

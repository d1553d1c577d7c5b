/**
 * Writes the data of the demo pack as JSON lines.
 *
 *     deno run --allow-write tools/tasks/generate.ts eval   models/demo/eval
 *     deno run --allow-write tools/tasks/generate.ts train  tools/demo/work/train
 *     deno run --allow-write tools/tasks/generate.ts more   tools/demo/work/more
 *     deno run --allow-write tools/tasks/generate.ts corpus tools/demo/work/corpus.jsonl 240000
 */
import { createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import process from "node:process";
import { corpus } from "./corpus.ts";
import { TASKS } from "./mod.ts";
import { type Composite, splitComposites, splitTask } from "./splits.ts";
import type { Example } from "./task.ts";

export const SEED = 7;
const TASK_SIZES = { seed: SEED, train: 900, test: 90 };
const COMPOSITE_SIZES = { seed: SEED, train: 3000, test: 90 };
const COMPOSITE_FILES = [[2, "composite"], [3, "composite3"]] as const;
/** What `more` draws after the training examples. */
const MORE = { tasks: 360, composites: 6150 };

/** Every held-out prompt of the 26 tasks. */
export function heldOutPrompts(): Set<string> {
  const examples = TASKS.flatMap((task) => splitTask(task, TASK_SIZES).test);
  return new Set(examples.map((example) => example.prompt));
}

function exampleLine({ prompt, answer, choices }: Example): string {
  return JSON.stringify({ messages: [{ role: "user", content: prompt }], answer, choices });
}

function compositeLine({ prompt, answer, tasks, answers }: Composite): string {
  return JSON.stringify({ messages: [{ role: "user", content: prompt }], answer, tasks, answers });
}

function writeLines(path: string, lines: string[]): void {
  writeFileSync(path, lines.map((line) => line + "\n").join(""));
}

/** Writes one file a task and the two composite files of a split. */
export function writeSplit(split: "train" | "test", folder: string): void {
  mkdirSync(folder, { recursive: true });
  for (const task of TASKS) {
    const examples = splitTask(task, TASK_SIZES)[split];
    writeLines(`${folder}/${task.name}.jsonl`, examples.map(exampleLine));
  }
  const sizes = { ...COMPOSITE_SIZES, heldOut: heldOutPrompts() };
  for (const [size, name] of COMPOSITE_FILES) {
    const composites = splitComposites(size, sizes)[split];
    writeLines(`${folder}/${name}.jsonl`, composites.map(compositeLine));
  }
}

/** Writes further training examples: none is in either split. */
export function writeMore(folder: string): void {
  mkdirSync(folder, { recursive: true });
  const taskSizes = { ...TASK_SIZES, train: TASK_SIZES.train + MORE.tasks };
  for (const task of TASKS) {
    const examples = splitTask(task, taskSizes).train.slice(TASK_SIZES.train);
    writeLines(`${folder}/${task.name}.jsonl`, examples.map(exampleLine));
  }
  const train = COMPOSITE_SIZES.train + MORE.composites;
  const sizes = { ...COMPOSITE_SIZES, train, heldOut: heldOutPrompts() };
  for (const [size, name] of COMPOSITE_FILES) {
    const composites = splitComposites(size, sizes).train.slice(COMPOSITE_SIZES.train);
    writeLines(`${folder}/${name}.jsonl`, composites.map(compositeLine));
  }
}

/** Writes `count` pretraining documents; none holds a held-out prompt. */
export async function writeCorpus(path: string, count: number): Promise<void> {
  const file = createWriteStream(path);
  let written = 0;
  for (const document of corpus(SEED, heldOutPrompts())) {
    if (written++ === count) break;
    if (!file.write(JSON.stringify(document) + "\n")) await once(file, "drain");
  }
  file.end();
  await once(file, "close");
}

if (import.meta.main) {
  const [what, path, count] = process.argv.slice(2);
  if (what === "eval") writeSplit("test", path);
  else if (what === "train") writeSplit("train", path);
  else if (what === "more") writeMore(path);
  else if (what === "corpus") await writeCorpus(path, Number(count));
  else throw new Error(`Cannot generate "${what}": give eval, train, more or corpus, and a path`);
}

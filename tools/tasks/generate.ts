/**
 * Writes the data of the demo pack as JSON lines.
 *
 *     deno run --allow-write tools/tasks/generate.ts eval   models/demo/eval
 *     deno run --allow-write tools/tasks/generate.ts train  tools/demo/work/train
 *     deno run --allow-write tools/tasks/generate.ts more   tools/demo/work/more
 *     deno run --allow-write tools/tasks/generate.ts corpus tools/demo/work/corpus.jsonl 240000
 *     deno run --allow-read --allow-env --allow-write tools/tasks/generate.ts router tools/demo/work/router
 *
 * `router` reads the tokenizer in models/demo.
 */
import { createWriteStream, mkdirSync, writeFileSync } from "node:fs";
import { once } from "node:events";
import process from "node:process";
import { corpus } from "./corpus.ts";
import { TASKS } from "./mod.ts";
import { type Composite, splitComposites, splitTask } from "./splits.ts";
import type { Example } from "./task.ts";
import {
  type CutAfterToken,
  otherAnswers,
  promptExample,
  type RouterExample,
  sentenceExamples,
  trainingContexts,
} from "./router_data.ts";
import { createRng } from "./rng.ts";

export const SEED = 7;
const TASK_SIZES = { seed: SEED, train: 900, test: 90 };
const ROUTER_CONTEXTS = 60_000;
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

/**
 * Writes a router's data: `train/` (prompts, and sentences of composites) and `test/` (the held-out
 * prompts; the held-out composites' sentences behind right answers, and behind other answers).
 */
export async function writeRouterData(folder: string, model: string): Promise<void> {
  const { cut, close } = await tokenCutter(model);
  mkdirSync(`${folder}/train`, { recursive: true });
  mkdirSync(`${folder}/test`, { recursive: true });
  const heldOut = heldOutPrompts();
  const sizes = { ...COMPOSITE_SIZES, heldOut };
  const rng = createRng(`router/test/${SEED}`);
  const composites = [2, 3].flatMap((size) => splitComposites(size, sizes).test);
  const whole = new Set([...heldOut, ...composites.map(({ prompt }) => prompt)]);
  const sentences = trainingContexts({ seed: SEED, heldOut, cut })
    .filter(({ input }) => !whole.has(input[0].content)).take(ROUTER_CONTEXTS);
  const right = composites.flatMap((composite) => {
    const { answers } = composite;
    return sentenceExamples(composite, { said: answers, next: answers, cut });
  });
  const other = composites.flatMap((composite) => {
    const [said, next] = [otherAnswers(rng, composite), otherAnswers(rng, composite)];
    return sentenceExamples(composite, { said, next, cut });
  });
  const files: [string, Iterable<RouterExample>][] = [
    ["train/prompts", prompts("train")],
    ["train/sentences", sentences],
    ["test/prompts", prompts("test")],
    ["test/sentences", right],
    ["test/other_answers", other],
  ];
  for (const [name, examples] of files) {
    writeLines(`${folder}/${name}.jsonl`, Array.from(examples, (line) => JSON.stringify(line)));
  }
  close();
}

function prompts(split: "train" | "test"): RouterExample[] {
  return TASKS.flatMap((task) =>
    splitTask(task, TASK_SIZES)[split].map(({ prompt }) => promptExample(prompt, task.name))
  );
}

/** Only this command reads a tokenizer, so only it loads what reads one. */
async function tokenCutter(model: string): Promise<{ cut: CutAfterToken; close: () => void }> {
  const { loadTokenizer } = await import("../../engine/mod.ts");
  const tokenizer = await loadTokenizer(model);
  const cut = (text: string, at: number) => {
    let seen = "";
    for (const token of tokenizer.encode(text, { addSpecialTokens: false })) {
      seen += tokenizer.tokenText(token);
      if (seen.slice(at).trim() !== "") break;
    }
    return seen;
  };
  return { cut, close: () => tokenizer.close() };
}

if (import.meta.main) {
  const [what, path, count] = process.argv.slice(2);
  if (what === "eval") writeSplit("test", path);
  else if (what === "train") writeSplit("train", path);
  else if (what === "more") writeMore(path);
  else if (what === "corpus") await writeCorpus(path, Number(count));
  else if (what === "router") await writeRouterData(path, "models/demo");
  else {throw new Error(
      `Cannot generate "${what}": give eval, train, more, corpus or router, and a path`,
    );}
}

import assert from "node:assert/strict";
import { loadTokenizer } from "../../../engine/mod.ts";
import { decodeReferences, fitPrototype, readRouterFile } from "../../../engine/router/mod.ts";
import { encodeLines } from "../../../tools/router/examples.ts";
import { Mlp } from "../../../tools/router/mlp.ts";
import { accuracyWith, type Judged, logitOf } from "../../../tools/router/newcomers.ts";
import { readCommand, type TrainOptions } from "../../../tools/router/options.ts";
import { runRouter } from "../../../tools/router/run_router.ts";
import type { DataLine } from "../../../tools/router/data_files.ts";
import { type TrainHooks, trainOn } from "../../../tools/router/train.ts";
import { createRng, TASKS } from "../../../tools/tasks/mod.ts";
import { splitTask } from "../../../tools/tasks/splits.ts";
import { openOnce } from "../../engine/router/tiny_router.ts";

const MODEL = new URL("../../../models/demo", import.meta.url).pathname;
const QUIET: TrainHooks = { onProgress: () => {}, interrupted: () => false };
await openOnce();
// jax-js starts workers for the life of the process, which the tests' sanitizers would take for leaks.
await Mlp.create({ inputs: 4, hidden: 8, classes: 2, batch: 16, weightDecay: 0 }, createRng("warm"))
  .then((mlp) => mlp.train(new Float32Array(64), new Float32Array(32).fill(1 / 32), 0.1));

function options(...extra: string[]): TrainOptions {
  const args = ["train", "--data", "-", "--model", MODEL, "--out", "-", "--hidden", "48", ...extra];
  const command = readCommand(args);
  assert.ok(command.kind === "train");
  return command.options;
}

/** Prompts of the tasks, held-out ones for `test`. */
function prompts(names: readonly string[], part: "train" | "test", count: number): DataLine[] {
  return TASKS.filter(({ name }) => names.includes(name)).flatMap((task) => {
    const split = splitTask(task, { seed: 3, train: count, test: 40 })[part];
    return split.map(({ prompt }) => ({
      input: [{ role: "user" as const, content: prompt }],
      output: task.name,
    }));
  });
}

async function judge(
  file: Uint8Array<ArrayBuffer>,
  lines: DataLine[],
  labels: readonly string[],
): Promise<Judged[]> {
  const tokenizer = await loadTokenizer(MODEL);
  const texts = encodeLines(lines, { tokenizer, labels, maxTokens: 256 });
  tokenizer.close();
  const { labels: own, temperature, features } = readRouterFile(file);
  const reading = await runRouter(file, texts.map(({ tokens }) => tokens));
  return texts.map(({ label }, i) => ({
    label,
    features: reading.features.subarray(i * features!, (i + 1) * features!),
    logits: reading.logits.subarray(i * own.length, (i + 1) * own.length)
      .map((logit) => logit / temperature),
  }));
}

const NAMES = ["antonyms", "navigation", "copy_text", "roman_numerals", "plurals", "passage_qa"];

Deno.test("a router learns a few tasks, says so in its report, and does as well on the GPU", async () => {
  const trained = await trainOn(prompts(NAMES, "train", 80), options("--epochs", "12"), QUIET);
  assert.ok(trained);
  const { file, report } = trained;
  const { labels, version, references, features } = readRouterFile(file);
  assert.deepEqual([...labels].sort(), [...NAMES].sort());
  assert.equal(version, report.version);
  assert.equal(decodeReferences(references!, { features: features! }).references.length, 6 * 32);
  assert.equal(report.validation.examples, 6 * 8);
  assert.equal(report.bytes, file.length);
  const { accuracy } = accuracyWith(await judge(file, prompts(NAMES, "test", 80), labels), null);
  assert.ok(accuracy > 0.97, `accuracy ${accuracy}`);
  assert.ok(report.validation.accuracy > 0.95, `accuracy ${report.validation.accuracy}`);
});

Deno.test("the same seed makes the same file, another seed another", async () => {
  const data = prompts(NAMES.slice(0, 2), "train", 30);
  const make = async (seed: string) =>
    (await trainOn(data, options("--seed", seed, "--epochs", "3"), QUIET))!.file;
  const first = await make("1");
  assert.deepEqual(await make("1"), first);
  assert.notDeepEqual(await make("2"), first);
});

Deno.test("a task that was left out becomes a class by ten examples, and the others stay as they were", async () => {
  const newcomer = "navigation";
  const old = NAMES.filter((name) => name !== newcomer);
  const trained = await trainOn(prompts(old, "train", 120), options("--epochs", "12"), QUIET);
  const { labels, references, features, temperature } = readRouterFile(trained!.file);
  const known = [...labels, newcomer];
  const examples = await judge(trained!.file, prompts([newcomer], "train", 10), known);
  const { prototype, won, taken } = await fitPrototype({
    examples: examples.map(({ features }) => features),
    references: references!,
    width: features!,
    temperature,
  });
  const rest = await judge(trained!.file, prompts(old, "test", 80), known);
  const own = await judge(trained!.file, prompts([newcomer], "test", 80), known);
  const before = accuracyWith(rest, null);
  const after = accuracyWith(rest, logitOf(prototype));
  assert.ok(before.accuracy - after.accuracy <= 0.01, `${before.accuracy} to ${after.accuracy}`);
  const { accuracy } = accuracyWith(own, logitOf(prototype));
  assert.ok(accuracy >= 0.8, `accuracy ${accuracy}`);
  assert.ok(won >= 0.6 && taken <= 0.01, `won ${won}, taken ${taken}`);
});

Deno.test("interrupted, it keeps the best so far; before there is any, nothing", async () => {
  const data = prompts(NAMES.slice(0, 2), "train", 60);
  const stopAfter = (steps: number): TrainHooks => {
    let seen = 0;
    return { onProgress: () => seen++, interrupted: () => seen >= steps };
  };
  assert.equal(await trainOn(data, options(), stopAfter(5)), null);
  const kept = await trainOn(data, options(), stopAfter(60));
  assert.equal(kept!.report.end, "interrupted");
  assert.ok(kept!.report.steps < 70);
  assert.equal(readRouterFile(kept!.file).labels.length, 2);
});

Deno.test("time that is up ends a training too", async () => {
  const data = prompts(NAMES.slice(0, 2), "train", 60);
  const trained = await trainOn(data, options("--max-minutes", "0.01"), QUIET);
  assert.ok(trained === null || trained.report.end === "out of time");
});

Deno.test("a label whose prompts all went to validation, or no validation at all, is refused", async () => {
  const lines = ["a", "b"].map((output) => ({ input: `only ${output}`, output }));
  await assert.rejects(trainOn(lines, options(), QUIET), /two different prompts/);
  const chat = [{ role: "user" as const, content: "same" }];
  const more = [...lines, { input: chat, output: "c" }, { input: [...chat, ...chat], output: "c" }];
  const trained = await trainOn(more, options("--epochs", "2"), QUIET);
  assert.equal(trained!.report.validation.examples, 1);
});

Deno.test("a model that can't be read is named", async () => {
  const lines = ["a", "b"].map((output) => ({ input: output, output }));
  const missing = { ...options(), model: "no/such/model" };
  await assert.rejects(trainOn(lines, missing, QUIET), /Cannot use the model "no\/such\/model"/);
});

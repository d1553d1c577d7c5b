import { parseArgs } from "node:util";
import { WeftError } from "../../engine/core/errors.ts";

export const TRAIN_HELP =
  `Trains a router: a small net that names the adapter for a text (docs/ROUTING.md).

  deno task router train --data DIR|FILE.jsonl --model DIR --out FILE.onnx

  --data PATH          lines {"input": text or messages, "output": label}; a file, or a folder of .jsonl
  --model DIR          the base model's folder, for its tokenizer
  --out FILE           where the router goes, .onnx; beside it lies its .report.json
  --seed N             of everything that is drawn at random (default 1)
  --width N            size of a token's vector, 4 to 256 (default 32)
  --hidden N           size of the hidden layers and the features, 8 to 1024 (default 256)
  --epochs N           most times over the data (default: 14, more for little data)
  --valid-share X      share of the prompts held back, 0.01 to 0.5 (default 0.1)
  --max-minutes X      stop after so long and keep the best so far (default 10)
  --max-tokens N       last tokens of a text that are seen, 16 to 4096 (default 256)
  --learning-rate X    default 0.002
  --weight-decay X     default 0.01
  --token-dropout X    share of tokens left out while training, 0 to 0.5 (default 0.05)
  --no-balance         don't weigh rare labels more

Ctrl-C ends the training and keeps the best so far.`;

export const EVAL_HELP = `Measures a router on labelled texts, run as the server runs it.

  deno task router eval --router FILE.onnx --data DIR|FILE.jsonl --model DIR

  --router FILE        a router file
  --data PATH          lines {"input": text or messages, "output": label}; a file, or a folder of .jsonl
  --model DIR          the base model's folder, for its tokenizer
  --json FILE          also write the figures there`;

export const HELP = `deno task router train …   train a router for your adapters
deno task router eval …    measure one
--help behind either tells more.`;

export interface TrainOptions {
  data: string;
  model: string;
  out: string;
  seed: number;
  width: number;
  hidden: number;
  epochs: number | null;
  validShare: number;
  maxMinutes: number;
  maxTokens: number;
  learningRate: number;
  weightDecay: number;
  tokenDropout: number;
  balance: boolean;
}

export interface EvalOptions {
  router: string;
  data: string;
  model: string;
  json: string | null;
}

export type Command =
  | { kind: "help"; text: string }
  | { kind: "train"; options: TrainOptions }
  | { kind: "eval"; options: EvalOptions };

type Values = Record<string, string | boolean | undefined>;

/** @throws WeftError `invalid_request` for arguments that can't be used */
export function readCommand(args: readonly string[]): Command {
  const [name, ...rest] = args;
  if (name === undefined || name === "--help" || name === "-h") return { kind: "help", text: HELP };
  if (name === "train") return readTrain(rest);
  if (name === "eval") return readEval(rest);
  throw bad(`Cannot run "${name}": allowed are train and eval`);
}

function readTrain(args: string[]): Command {
  const values = parse(args, [
    ...["data", "model", "out", "seed", "width", "hidden", "epochs", "valid-share"],
    ...["max-minutes", "max-tokens", "learning-rate", "weight-decay", "token-dropout"],
  ], ["no-balance"]);
  if (values.help) return { kind: "help", text: TRAIN_HELP };
  const [data, model, out] = ["data", "model", "out"].map((flag) => text(values, flag));
  const whole = (flag: string, range: Range) => number(values, flag, { ...range, whole: true });
  return {
    kind: "train",
    options: {
      data,
      model,
      out,
      seed: whole("seed", { min: 0, max: 2 ** 32, initial: 1 }),
      width: whole("width", { min: 4, max: 256, initial: 32 }),
      hidden: whole("hidden", { min: 8, max: 1024, initial: 256 }),
      epochs: values.epochs === undefined
        ? null
        : whole("epochs", { min: 1, max: 10_000, initial: 1 }),
      validShare: number(values, "valid-share", { min: 0.01, max: 0.5, initial: 0.1 }),
      maxMinutes: number(values, "max-minutes", { min: 0.01, max: 10_000, initial: 10 }),
      maxTokens: whole("max-tokens", { min: 16, max: 4096, initial: 256 }),
      learningRate: number(values, "learning-rate", { min: 1e-6, max: 1, initial: 0.002 }),
      weightDecay: number(values, "weight-decay", { min: 0, max: 1, initial: 0.01 }),
      tokenDropout: number(values, "token-dropout", { min: 0, max: 0.5, initial: 0.05 }),
      balance: !values["no-balance"],
    },
  };
}

function readEval(args: string[]): Command {
  const values = parse(args, ["router", "data", "model", "json"], []);
  if (values.help) return { kind: "help", text: EVAL_HELP };
  const [router, data, model] = ["router", "data", "model"].map((flag) => text(values, flag));
  const json = values.json === undefined ? null : text(values, "json");
  return { kind: "eval", options: { router, data, model, json } };
}

function parse(args: string[], texts: string[], switches: string[]): Values {
  const options = Object.fromEntries([
    ...texts.map((flag) => [flag, { type: "string" as const }]),
    ...[...switches, "help"].map((flag) => [flag, { type: "boolean" as const }]),
  ]);
  try {
    return parseArgs({ args, options, strict: true }).values as Values;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw bad(`Cannot read the arguments: ${why}. --help lists them`);
  }
}

function text(values: Values, flag: string): string {
  const value = values[flag];
  if (typeof value === "string" && value !== "") return value;
  throw bad(`Cannot start without --${flag}. --help tells what it is`);
}

interface Range {
  min: number;
  max: number;
  initial: number;
  whole?: boolean;
}

function number(values: Values, flag: string, { min, max, initial, whole }: Range): number {
  const given = values[flag];
  if (given === undefined) return initial;
  const value = given === "" ? NaN : Number(given);
  if (value >= min && value <= max && (!whole || Number.isInteger(value))) return value;
  const kind = whole ? "whole numbers" : "numbers";
  throw bad(
    `Cannot use --${flag} ${JSON.stringify(given)}: ${kind} from ${min} to ${max} are allowed`,
  );
}

function bad(message: string): WeftError {
  return new WeftError("invalid_request", message);
}

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { WeftError } from "../../engine/core/errors.ts";

/** Prompts that ask for several tasks in one message; every other file is one task. */
export const COMPOSITE_FILES = ["composite", "composite3"];

export interface Message {
  role: string;
  content: string;
}

/** One held-out prompt and its right answer. */
export interface Sample {
  /** The file's name without its ending, which is the task's name. */
  file: string;
  /** Its line, from 0. */
  index: number;
  messages: Message[];
  answer: string;
  /** Multiple choice: the options. */
  choices?: string[];
  /** Composites: the tasks in order, and the sentence that each asks for. */
  tasks?: string[];
  answers?: string[];
}

/** `choice` is scored by accuracy, `qa` by BLEU and ROUGE. */
export type Kind = "choice" | "qa" | "composite";

export function kindOf(sample: Sample): Kind {
  if (sample.tasks !== undefined) return "composite";
  return sample.choices === undefined ? "qa" : "choice";
}

/** The names of a folder's sample files, composites left out, in alphabetical order. */
export async function taskNames(folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".jsonl"))
    .map((name) => name.slice(0, -".jsonl".length));
  return names.filter((name) => !COMPOSITE_FILES.includes(name)).sort();
}

/**
 * The first `count` samples of a file: the same ones for every method.
 *
 * @throws {WeftError} `invalid_request` where a line is no sample.
 */
export async function readSamples(folder: string, file: string, count: number): Promise<Sample[]> {
  const text = await readFile(join(folder, `${file}.jsonl`), "utf8");
  const lines = text.split("\n").filter((line) => line !== "").slice(0, count);
  return lines.map((line, index) => {
    const fields = JSON.parse(line);
    if (!Array.isArray(fields.messages) || typeof fields.answer !== "string") {
      throw new WeftError(
        "invalid_request",
        `Cannot read sample ${index + 1} of "${file}": it needs messages and an answer`,
      );
    }
    return { ...fields, file, index };
  });
}

import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { WeftError } from "../engine/core/errors.ts";
import { type Environment, slugOf } from "./environment.ts";

/** One series of a run: a line of the results. */
export interface ResultLine extends Environment {
  name: string;
  unit: string;
  /** One a round; of the same index as another's: of the same round. Empty for what was skipped. */
  values: number[];
  /** Engines used what was tuned on this device before, for the shapes that were. */
  tuned?: boolean;
  /** Why there are no values. */
  skipped?: string;
}

/** Significant digits that are kept. */
const DIGITS = 5;

export function resultsPath(
  { adapter, date }: Environment,
  { isQuick }: { isQuick: boolean },
): string {
  const folder = isQuick ? ".weft/bench" : "bench/results";
  return `${folder}/${date.slice(0, 10)}-${slugOf(adapter)}.jsonl`;
}

/** Lines in order; none where there is no such file. @throws {WeftError} for what is no such line. */
export async function readLines(path: string): Promise<ResultLine[]> {
  const text = await readFile(path, "utf8").catch((error) => {
    if (error.code !== "ENOENT") throw error;
    return "";
  });
  return text.split("\n").filter((line) => line !== "").map((line, i) => {
    try {
      const parsed = JSON.parse(line);
      if (typeof parsed.name === "string" && Array.isArray(parsed.values)) return parsed;
    } catch { /* told below */ }
    throw new WeftError(
      "invalid_request",
      `Cannot read line ${i + 1} of "${path}": it takes a JSON object with name and values`,
    );
  });
}

/** Adds lines in the place of those of the same names. */
export async function writeLines(path: string, lines: readonly ResultLine[]): Promise<void> {
  const names = new Set(lines.map(({ name }) => name));
  const kept = (await readLines(path)).filter(({ name }) => !names.has(name));
  await mkdir(dirname(path), { recursive: true });
  const text = [...kept, ...lines].map((line) =>
    JSON.stringify({
      ...line,
      values: line.values.map((value) => Number(value.toPrecision(DIGITS))),
    })
  );
  await writeFile(path, text.join("\n") + "\n");
}

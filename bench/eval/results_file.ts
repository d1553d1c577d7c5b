import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { WeftError } from "../../engine/core/errors.ts";
import { formatFile } from "./format_file.ts";
import type { Results } from "./results.ts";

const FORMAT: Results["format"] = "weft-eval/1";
/** What shares and milliseconds are rounded to. */
const DIGITS = 5;

/** Null where there is no such file. @throws {WeftError} `invalid_request` where it is something else. */
export async function readResults(path: string): Promise<Results | null> {
  const text = await readFile(path, "utf8").catch((error) => {
    if (error.code !== "ENOENT") throw error;
    return null;
  });
  if (text === null) return null;
  const results = JSON.parse(text);
  if (results.format === FORMAT) return results;
  throw new WeftError(
    "invalid_request",
    `Cannot read "${path}": its format is "${results.format}", and ${FORMAT} is known`,
  );
}

/** One line for each list, to keep what is committed small. */
export async function writeResults(path: string, results: Results): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const text = JSON.stringify(
    results,
    (_, value) => typeof value === "number" ? Number(value.toFixed(DIGITS)) : value,
    2,
  );
  await writeFile(path, text + "\n");
  await formatFile(path);
}

import { messageOf, WeftError } from "../core/errors.ts";
import { parseStrictJson } from "../core/json_strict.ts";

/** Far above any configuration or shard index, far below what could hurt. */
const MAX_JSON_BYTES = 25_000_000;

/**
 * The JSON value of a model's file, or undefined when there is no such file.
 *
 * @throws {WeftError} `bad_model` when it is too large or not JSON.
 */
export async function readJsonFile(path: string): Promise<unknown> {
  try {
    const { size } = await Deno.stat(path);
    if (size > MAX_JSON_BYTES) throw new RangeError(`${size} bytes; at most ${MAX_JSON_BYTES}`);
    return parseStrictJson(await Deno.readTextFile(path));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw new WeftError("bad_model", `Cannot read ${path}: ${messageOf(error)}`, { cause: error });
  }
}

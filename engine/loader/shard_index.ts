import { WeftError } from "../core/errors.ts";
import { isJsonObject } from "./json_fields.ts";

/** The names that Hugging Face's libraries give the weights. */
export const SINGLE_FILE = "model.safetensors";
export const SHARD_INDEX = "model.safetensors.index.json";

/** A plain file name: nothing that could lead out of the model's directory. */
const SHARD_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]*\.safetensors$/;

/**
 * The tensor names of each shard, from a parsed `model.safetensors.index.json`.
 *
 * @throws {WeftError} `bad_model` when it is malformed or names a file elsewhere.
 */
export function parseShardIndex(json: unknown, label: string): Map<string, Set<string>> {
  const fail = (why: string) => new WeftError("bad_model", `Cannot use ${label}: ${why}`);
  const weightMap = isJsonObject(json) ? json["weight_map"] : undefined;
  if (!isJsonObject(weightMap)) throw fail("weight_map is not an object");
  const shards = new Map<string, Set<string>>();
  for (const [name, shard] of Object.entries(weightMap)) {
    if (typeof shard !== "string" || !SHARD_NAME.test(shard)) {
      const value = JSON.stringify(shard);
      throw fail(
        `it puts ${name} in ${value}; a file name like "model-00001-of-00002.safetensors" is needed`,
      );
    }
    const names = shards.get(shard) ?? new Set();
    shards.set(shard, names.add(name));
  }
  if (shards.size === 0) throw fail("weight_map is empty");
  return shards;
}

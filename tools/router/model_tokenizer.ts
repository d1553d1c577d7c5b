import { loadTokenizer, type TextTokenizer } from "../../engine/mod.ts";
import { messageOf, WeftError } from "../../engine/core/errors.ts";

/**
 * The tokenizer of a base model's folder. Close it.
 * @throws WeftError `bad_model`
 */
export async function openModel(folder: string): Promise<TextTokenizer> {
  try {
    // Reading several files at once would leave some open behind the first that fails.
    if (!(await Deno.stat(folder)).isDirectory) throw new Error("it is no folder");
    return await loadTokenizer(folder);
  } catch (cause) {
    throw new WeftError("bad_model", `Cannot use the model "${folder}": ${messageOf(cause)}`, {
      cause,
    });
  }
}

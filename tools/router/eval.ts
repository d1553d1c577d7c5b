import { messageOf, WeftError } from "../../engine/core/errors.ts";
import { readRouterFile } from "../../engine/router/mod.ts";
import { readData } from "./data_files.ts";
import { encodeLines } from "./examples.ts";
import { openModel } from "./model_tokenizer.ts";
import type { EvalOptions } from "./options.ts";
import { score, type Scores } from "./scores.ts";
import { runRouter } from "./run_router.ts";

/**
 * Measures a router file, run by onnxruntime on the GPU.
 * @throws WeftError for a file, data or a model that can't be used, or that don't belong together
 */
export async function evaluate(options: EvalOptions): Promise<Scores> {
  const data = readBytes(options.router);
  const { labels, maxTokens, temperature, tokenizer: hash } = readRouterFile(data);
  const lines = readData(options.data);
  const tokenizer = await openModel(options.model);
  try {
    if (tokenizer.vocabularyHash !== hash) {
      throw new WeftError(
        "invalid_request",
        `Cannot evaluate "${options.router}": it was trained for another vocabulary than that ` +
          `of "${options.model}"`,
      );
    }
    const examples = encodeLines(lines, { tokenizer, labels, maxTokens });
    const { logits } = await runRouter(data, examples.map(({ tokens }) => tokens));
    const right = examples.map(({ label }) => label);
    return score(logits, { right, labels, temperature });
  } finally {
    tokenizer.close();
  }
}

function readBytes(path: string): Uint8Array<ArrayBuffer> {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    throw new WeftError("not_found", `Cannot read the router "${path}": ${messageOf(error)}`);
  }
}

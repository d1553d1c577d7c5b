import { join } from "node:path";
import { messageOf, WeftError } from "../core/errors.ts";

/** What is read of `tokenizer_config.json`; the rest is for the library. */
export interface TokenizerConfig extends Record<string, unknown> {
  chat_template?: unknown;
}

export interface TokenizerFiles {
  /** `tokenizer.json`. */
  tokenizer: Record<string, unknown>;
  /** `tokenizer_config.json`, or empty. */
  config: TokenizerConfig;
  /** The chat template's source, or null for a model that has none. */
  chatTemplate: string | null;
}

/**
 * Reads a model directory's tokenizer. `chat_template.jinja` goes before the template in
 * `tokenizer_config.json`; of several named ones it is `default`.
 *
 * @throws WeftError `bad_model` for a missing or broken file
 */
export async function readTokenizerFiles(directory: string): Promise<TokenizerFiles> {
  const [tokenizer, config, jinja] = await Promise.all([
    readJson(directory, "tokenizer.json"),
    readJson(directory, "tokenizer_config.json", { optional: true }),
    readText(directory, "chat_template.jinja"),
  ]);
  const chatTemplate = jinja ?? pickTemplate((config as TokenizerConfig).chat_template, directory);
  return { tokenizer, config, chatTemplate };
}

function pickTemplate(value: unknown, directory: string): string | null {
  if (value === undefined || value === null) return null;
  if (typeof value === "string") return value;
  if (Array.isArray(value)) {
    const named = value as { name?: unknown; template?: unknown }[];
    const chosen = named.find(({ name }) => name === "default");
    if (typeof chosen?.template === "string") return chosen.template;
    const names = named.map(({ name }) => JSON.stringify(name)).join(", ");
    throw new WeftError(
      "bad_model",
      `Cannot use the chat templates of "${directory}": none of ${
        names || "them"
      } is named "default"`,
    );
  }
  throw new WeftError(
    "bad_model",
    `Cannot use chat_template in "${join(directory, "tokenizer_config.json")}": ` +
      `it is a ${typeof value}, allowed are a string and a list of named strings`,
  );
}

async function readJson(
  directory: string,
  name: string,
  options: { optional?: boolean } = {},
): Promise<Record<string, unknown>> {
  const text = await readText(directory, name);
  if (text === null) {
    if (options.optional) return {};
    throw new WeftError(
      "bad_model",
      `Cannot load the tokenizer: "${directory}" has no ${name} (a "fast" tokenizer is needed)`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new WeftError(
      "bad_model",
      `Cannot parse "${join(directory, name)}": ${messageOf(error)}`,
    );
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new WeftError("bad_model", `Cannot use "${join(directory, name)}": it is no JSON object`);
  }
  return value as Record<string, unknown>;
}

async function readText(directory: string, name: string): Promise<string | null> {
  const path = join(directory, name);
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw new WeftError("bad_model", `Cannot read "${path}": ${messageOf(error)}`, {
      cause: error,
    });
  }
}

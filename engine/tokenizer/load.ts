import type { PreTrainedTokenizer } from "@huggingface/transformers";
import { messageOf, WeftError } from "../core/errors.ts";
import { ChatTemplate } from "./chat_template.ts";
import { readDecoder } from "./decoder.ts";
import { Encoder } from "./encoder.ts";
import { SpecialGuard } from "./special_guard.ts";
import { LoadedTokenizer, type TextTokenizer } from "./tokenizer.ts";
import { readTokenizerFiles } from "./tokenizer_files.ts";
import { Vocabulary } from "./vocabulary.ts";

/** Names under which templates see the special tokens' texts. */
const TOKEN_NAMES = [
  "bos_token",
  "eos_token",
  "unk_token",
  "sep_token",
  "pad_token",
  "cls_token",
  "mask_token",
];

/**
 * Loads the tokenizer of a Hugging Face model directory: `tokenizer.json`, `tokenizer_config.json` and
 * `chat_template.jinja` if it is there. Reads nothing else and needs no network.
 *
 * @throws WeftError `bad_model`, or `unsupported` for a decoder that cannot stream
 */
export async function loadTokenizer(directory: string): Promise<TextTokenizer> {
  const [files, library] = await Promise.all([
    readTokenizerFiles(directory),
    importLibrary(),
  ]);
  const { tokenizer: json, config, chatTemplate: source } = files;
  const variables = tokenTexts(config);
  // The worker starts while this thread builds the tables.
  const loading = source === null ? null : ChatTemplate.load(source, { variables });
  loading?.catch(() => {});
  try {
    const tokenizer = build(library, { json, config, directory });
    const plan = readDecoder(json.decoder);
    const texts: string[] = [];
    for (const [text, id] of tokenizer.get_vocab()) texts[id] = text;
    const special = new Set(tokenizer.all_special_ids as number[]);
    const vocabulary = new Vocabulary(texts, { special, plan });
    const eos = texts.indexOf(variables.eos_token);
    return new LoadedTokenizer({
      directory,
      encoder: new Encoder(tokenizer),
      vocabulary,
      template: await loading,
      guard: new SpecialGuard([...special].map((id) => texts[id])),
      eosTokenIds: eos < 0 ? [] : [eos],
    });
  } catch (error) {
    await loading?.then((template) => template.close(), () => {});
    throw error;
  }
}

type Library = typeof import("@huggingface/transformers");

/** The web build: Deno would resolve the package itself to its Node build, which is native code. */
async function importLibrary(): Promise<Library> {
  return await import("@huggingface/transformers/web") as unknown as Library;
}

function build(
  { PreTrainedTokenizer }: Library,
  source: { json: object; config: object; directory: string },
): PreTrainedTokenizer {
  try {
    // A parsed file goes in directly: AutoTokenizer would fetch it, and the class it picks changes the padding side only.
    return new PreTrainedTokenizer(source.json, source.config);
  } catch (error) {
    throw new WeftError(
      "bad_model",
      `Cannot use the tokenizer in "${source.directory}": ${messageOf(error)}`,
      { cause: error },
    );
  }
}

/** `{ bos_token: "<s>", … }`; a token may be spelled as text or as an object with its `content`. */
function tokenTexts(config: Record<string, unknown>): Record<string, string> {
  const texts: Record<string, string> = {};
  for (const name of TOKEN_NAMES) {
    const value = config[name];
    const text = typeof value === "object" && value !== null && "content" in value
      ? value.content
      : value;
    if (typeof text === "string") texts[name] = text;
  }
  return texts;
}

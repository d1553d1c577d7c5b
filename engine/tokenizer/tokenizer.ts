import type { PreTrainedTokenizer } from "@huggingface/transformers";
import { messageOf, WeftError } from "../core/errors.ts";
import { type ChatMessage, templateMessages } from "./chat_messages.ts";
import { ChatTemplate } from "./chat_template.ts";
import { readDecoder } from "./decoder.ts";
import { type DetokenizeOptions, Detokenizer } from "./detokenizer.ts";
import { type EncodeOptions, Encoder } from "./encoder.ts";
import { PauseTokens } from "./pause_tokens.ts";
import { SpecialGuard } from "./special_guard.ts";
import { readTokenizerFiles } from "./tokenizer_files.ts";
import { Vocabulary } from "./vocabulary.ts";

export interface ChatOptions {
  /** End with the beginning of the assistant's turn (default true). */
  addGenerationPrompt?: boolean;
  /** Refuse a prompt of more tokens, cheaply where it is much longer. */
  maxTokens?: number;
  /**
   * What a content that spells a special token ("<|eot_id|>") means: `text` (default) is plain text, so that nobody
   * forges a turn; `parse` is the token, as Python's `apply_chat_template` has it.
   */
  specialTokensInContent?: "text" | "parse";
}

/** Everything about text at the engine's edge. Call `close` when done: the chat template has a worker. */
export interface TextTokenizer {
  /** One more than the largest token id; the model's own vocabulary may be padded beyond it. */
  readonly vocabSize: number;
  /** The tokenizer's end-of-text token, if it names one. */
  readonly eosTokenIds: readonly number[];
  readonly hasChatTemplate: boolean;
  /** @throws WeftError `invalid_request` when the text has more than `maxTokens` tokens */
  encode(text: string, options?: EncodeOptions): Uint32Array<ArrayBuffer>;
  /** All at once what `detokenizer` gives in pieces. Unknown ids add nothing. */
  decode(tokens: Iterable<number>, options?: DetokenizeOptions): string;
  detokenizer(options?: DetokenizeOptions): Detokenizer;
  /** The bytes a token adds in the middle of a text; they need not be whole characters. */
  tokenBytes(token: number): Uint8Array<ArrayBuffer>;
  /** `tokenBytes` as text, U+FFFD for what is no whole character. */
  tokenText(token: number): string;
  isSpecial(token: number): boolean;
  /**
   * The prompt for a conversation, with exactly the special tokens its template writes.
   *
   * @throws WeftError `invalid_request` for bad messages, a conversation the template refuses or more than `maxTokens`;
   * `unsupported` without a chat template or when it fails; `too_large` when it passes its bounds of time and size
   */
  encodeChat(
    messages: readonly ChatMessage[],
    options?: ChatOptions,
  ): Promise<Uint32Array<ArrayBuffer>>;
  /** The text that `encodeChat` tokenises. Throws the same. */
  renderChat(messages: readonly ChatMessage[], options?: ChatOptions): Promise<string>;
  /** The tokens that can complete one of the stop strings: a request's `pauseTokens`. */
  pauseTokensFor(stops: readonly string[]): number[];
  close(): void;
}

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
    const plan = readDecoder(json.decoder);
    const tokenizer = build(library, { json, config, directory });
    const texts: string[] = [];
    for (const [text, id] of tokenizer.get_vocab()) texts[id] = text;
    const special = new Set(tokenizer.all_special_ids as number[]);
    const vocabulary = new Vocabulary(texts, { special, plan });
    const eos = texts.indexOf(variables.eos_token);
    return new LoadedTokenizer(directory, {
      encoder: new Encoder(tokenizer),
      vocabulary,
      template: await loading,
      guard: new SpecialGuard([...special].map((id) => texts[id])),
      eosTokenIds: eos < 0 ? [] : [eos],
    });
  } catch (error) {
    loading?.then((template) => template.close(), () => {});
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

interface Parts {
  encoder: Encoder;
  vocabulary: Vocabulary;
  template: ChatTemplate | null;
  guard: SpecialGuard;
  eosTokenIds: readonly number[];
}

class LoadedTokenizer implements TextTokenizer {
  readonly vocabSize: number;
  readonly eosTokenIds: readonly number[];
  readonly hasChatTemplate: boolean;
  readonly #directory: string;
  readonly #parts: Parts;
  readonly #pauseTokens: PauseTokens;

  constructor(directory: string, parts: Parts) {
    this.vocabSize = parts.vocabulary.size;
    this.eosTokenIds = parts.eosTokenIds;
    this.hasChatTemplate = parts.template !== null;
    this.#directory = directory;
    this.#parts = parts;
    this.#pauseTokens = new PauseTokens(parts.vocabulary);
  }

  encode(text: string, options: EncodeOptions = {}): Uint32Array<ArrayBuffer> {
    return this.#parts.encoder.encode(text, options);
  }

  decode(tokens: Iterable<number>, options: DetokenizeOptions = {}): string {
    const detokenizer = this.detokenizer(options);
    let text = "";
    for (const token of tokens) text += detokenizer.push(token);
    return text + detokenizer.flush();
  }

  detokenizer(options: DetokenizeOptions = {}): Detokenizer {
    return new Detokenizer(this.#parts.vocabulary, options);
  }

  tokenBytes(token: number): Uint8Array<ArrayBuffer> {
    return this.#parts.vocabulary.bytes(token);
  }

  tokenText(token: number): string {
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(this.tokenBytes(token));
  }

  isSpecial(token: number): boolean {
    return this.#parts.vocabulary.isSpecial(token);
  }

  async encodeChat(
    messages: readonly ChatMessage[],
    options: ChatOptions = {},
  ): Promise<Uint32Array<ArrayBuffer>> {
    const { text, mark } = await this.#render(messages, options);
    const { maxTokens } = options;
    return this.#parts.encoder.encode(text, { addSpecialTokens: false, maxTokens, mark });
  }

  async renderChat(messages: readonly ChatMessage[], options: ChatOptions = {}): Promise<string> {
    const { text, mark } = await this.#render(messages, options);
    return mark === "" ? text : text.replaceAll(mark, "");
  }

  pauseTokensFor(stops: readonly string[]): number[] {
    return this.#pauseTokens.for(stops);
  }

  close(): void {
    this.#parts.template?.close();
  }

  async #render(
    messages: readonly ChatMessage[],
    options: ChatOptions,
  ): Promise<{ text: string; mark: string }> {
    const { template, guard } = this.#parts;
    if (template === null) {
      throw new WeftError(
        "unsupported",
        `Cannot chat: the model in "${this.#directory}" has no chat template (tokenizer_config.json's ` +
          `chat_template or chat_template.jinja); use /v1/completions`,
      );
    }
    const plain = templateMessages(messages);
    const { messages: guarded, mark } = options.specialTokensInContent === "parse"
      ? { messages: plain, mark: "" }
      : guard.guard(plain);
    const { addGenerationPrompt = true } = options;
    return { text: await template.render({ messages: guarded, addGenerationPrompt }), mark };
  }
}

import { WeftError } from "../core/errors.ts";
import { type ChatMessage, templateMessages } from "./chat_messages.ts";
import type { ChatTemplate } from "./chat_template.ts";
import { type DetokenizeOptions, Detokenizer } from "./detokenizer.ts";
import type { EncodeOptions, Encoder } from "./encoder.ts";
import { PauseTokens } from "./pause_tokens.ts";
import type { SpecialGuard } from "./special_guard.ts";
import type { Vocabulary } from "./vocabulary.ts";
import { vocabularyHash } from "./vocabulary_hash.ts";

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
  /** The vocabulary's identity: a router was trained for one. */
  readonly vocabularyHash: string;
  /** @throws WeftError `invalid_request` when the text has more than `maxTokens` tokens */
  encode(text: string, options?: EncodeOptions): Uint32Array<ArrayBuffer>;
  /** The last `maxTokens` tokens of a text, as a router sees it: none special. Costs no more for a longer text. */
  encodeTail(text: string, maxTokens: number): Uint32Array<ArrayBuffer>;
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

/** What a loaded tokenizer is made of. */
export interface TokenizerParts {
  /** The model's directory, for messages. */
  directory: string;
  encoder: Encoder;
  vocabulary: Vocabulary;
  template: ChatTemplate | null;
  guard: SpecialGuard;
  eosTokenIds: readonly number[];
}

/** Characters per token that a text's tail is first cut by; most texts have 2 to 5. */
const TAIL_CHARACTERS = 6;
/** Tokens by which a cut is felt. */
const TAIL_SLACK = 16;

export class LoadedTokenizer implements TextTokenizer {
  readonly vocabSize: number;
  readonly eosTokenIds: readonly number[];
  readonly hasChatTemplate: boolean;
  readonly #parts: TokenizerParts;
  readonly #pauseTokens: PauseTokens;
  #vocabularyHash: string | null = null;

  constructor(parts: TokenizerParts) {
    this.vocabSize = parts.vocabulary.size;
    this.eosTokenIds = parts.eosTokenIds;
    this.hasChatTemplate = parts.template !== null;
    this.#parts = parts;
    this.#pauseTokens = new PauseTokens(parts.vocabulary);
  }

  encode(text: string, options: EncodeOptions = {}): Uint32Array<ArrayBuffer> {
    return this.#parts.encoder.encode(text, options);
  }

  get vocabularyHash(): string {
    return this.#vocabularyHash ??= vocabularyHash(this.#parts.vocabulary.texts());
  }

  encodeTail(text: string, maxTokens: number): Uint32Array<ArrayBuffer> {
    for (let length = TAIL_CHARACTERS * (maxTokens + TAIL_SLACK);; length *= 4) {
      const isWhole = length >= text.length;
      const tokens = this.encode(isWhole ? text : text.slice(-length), { addSpecialTokens: false });
      const seen = tokens.filter((token) => !this.isSpecial(token));
      // Where the text was cut, the first tokens may not be the text's own.
      if (isWhole || seen.length >= maxTokens + TAIL_SLACK) {
        return seen.slice(Math.max(0, seen.length - maxTokens));
      }
    }
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
    return this.#parts.vocabulary.bytes(token).slice();
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
    const { directory, template, guard } = this.#parts;
    if (template === null) {
      throw new WeftError(
        "unsupported",
        `Cannot chat: the model in "${directory}" has no chat template (tokenizer_config.json's ` +
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

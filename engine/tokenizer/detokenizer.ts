import type { Vocabulary } from "./vocabulary.ts";

export interface DetokenizeOptions {
  /** Leave special tokens out of the text (default true). */
  skipSpecialTokens?: boolean;
  /** The tokens follow other text, so that a leading SentencePiece space is kept (default false). */
  continuation?: boolean;
}

/**
 * Tokens in, text out, in constant time per token. Only whole characters come out; all that `push`
 * and the final `flush` returned, put together, is what decoding all the tokens at once gives.
 */
export class Detokenizer {
  readonly #vocabulary: Vocabulary;
  readonly #skipSpecial: boolean;
  // ignoreBOM keeps U+FEFF in the text, wherever it is.
  readonly #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
  #first: boolean;
  #toStrip: number;

  constructor(vocabulary: Vocabulary, options: DetokenizeOptions = {}) {
    this.#vocabulary = vocabulary;
    this.#skipSpecial = options.skipSpecialTokens ?? true;
    this.#first = !(options.continuation ?? false);
    this.#toStrip = this.#first ? vocabulary.strip.count : 0;
  }

  /** The text that became certain with this token; "" while a character is incomplete. */
  push(token: number): string {
    const vocabulary = this.#vocabulary;
    if (!vocabulary.has(token) || (this.#skipSpecial && vocabulary.isSpecial(token))) return "";
    const bytes = this.#first ? vocabulary.firstBytes(token) : vocabulary.bytes(token);
    this.#first = false;
    return this.#strip(this.#utf8.decode(bytes, { stream: true }));
  }

  /** The end: U+FFFD when a character was left incomplete. */
  flush(): string {
    return this.#strip(this.#utf8.decode());
  }

  #strip(text: string): string {
    let start = 0;
    const { char } = this.#vocabulary.strip;
    while (this.#toStrip > 0 && start < text.length) {
      if (!text.startsWith(char, start)) {
        this.#toStrip = 0;
        break;
      }
      start += char.length;
      this.#toStrip--;
    }
    return start === 0 ? text : text.slice(start);
  }
}

import type { DecoderPlan } from "./decoder.ts";

/** A tokenizer's tokens, by id. Ids nobody defined have no bytes and no text. */
export class Vocabulary {
  /** One more than the largest id. */
  readonly size: number;
  readonly #texts: (string | undefined)[];
  readonly #special: ReadonlySet<number>;
  readonly #plan: DecoderPlan;

  /** `texts[id]` is a token as `tokenizer.json` spells it. */
  constructor(
    texts: (string | undefined)[],
    options: { special: ReadonlySet<number>; plan: DecoderPlan },
  ) {
    this.size = texts.length;
    this.#texts = texts;
    this.#special = options.special;
    this.#plan = options.plan;
  }

  has(token: number): boolean {
    return this.#texts[token] !== undefined;
  }

  isSpecial(token: number): boolean {
    return this.#special.has(token);
  }

  /** Leading characters that decoding cuts from the start of a text. */
  get strip(): DecoderPlan["strip"] {
    return this.#plan.strip;
  }

  /** The bytes a token adds to a text; `first` when it starts the text. */
  bytes(token: number, options: { first: boolean } = { first: false }): Uint8Array<ArrayBuffer> {
    const text = this.#texts[token];
    const bytes = text === undefined ? new Uint8Array() : this.#plan.bytes(text, options.first);
    return bytes as Uint8Array<ArrayBuffer>;
  }
}

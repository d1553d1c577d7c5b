import type { DecoderPlan } from "./decoder.ts";

/** A tokenizer's tokens, by id. Ids nobody defined have no bytes and no text. */
export class Vocabulary {
  /** One more than the largest id. */
  readonly size: number;
  readonly #texts: (string | undefined)[];
  readonly #special: ReadonlySet<number>;
  readonly #plan: DecoderPlan;
  /** All tokens' bytes, one behind the other; token t's are `#table[#starts[t] .. #starts[t + 1])`. */
  readonly #table: Uint8Array<ArrayBuffer>;
  readonly #starts: Uint32Array;

  /** `texts[id]` is a token as `tokenizer.json` spells it. */
  constructor(
    texts: (string | undefined)[],
    options: { special: ReadonlySet<number>; plan: DecoderPlan },
  ) {
    this.size = texts.length;
    this.#texts = texts;
    this.#special = options.special;
    this.#plan = options.plan;
    this.#starts = new Uint32Array(this.size + 1);
    const pieces: Uint8Array[] = [];
    let end = 0;
    for (let token = 0; token < this.size; token++) {
      const text = texts[token];
      const piece = text === undefined ? new Uint8Array() : options.plan.bytes(text, false);
      pieces.push(piece);
      end += piece.length;
      this.#starts[token + 1] = end;
    }
    this.#table = new Uint8Array(end);
    for (let token = 0; token < this.size; token++) {
      this.#table.set(pieces[token], this.#starts[token]);
    }
  }

  /** The tokens as `tokenizer.json` spells them, by id. */
  texts(): readonly (string | undefined)[] {
    return this.#texts;
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

  /** The bytes a token adds in the middle of a text: a view, not to be written to. */
  bytes(token: number): Uint8Array<ArrayBuffer> {
    if (!this.has(token)) return new Uint8Array();
    return this.#table.subarray(this.#starts[token], this.#starts[token + 1]);
  }

  /** The bytes of a token that starts a text. */
  firstBytes(token: number): Uint8Array {
    const text = this.#texts[token];
    return text === undefined ? new Uint8Array() : this.#plan.bytes(text, true);
  }
}

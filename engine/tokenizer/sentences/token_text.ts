import type { TokenTable } from "../../core/token_table.ts";

/** What a table is made from; a `TextTokenizer` is one. */
export interface TokenSource {
  readonly vocabSize: number;
  tokenBytes(token: number): Uint8Array;
  isSpecial(token: number): boolean;
}

/** The table of a tokenizer. Special tokens get no bytes, as they are left out of answers. */
export function tokenTable(source: TokenSource): TokenTable {
  const pieces: Uint8Array[] = [];
  const ends = new Uint32Array(source.vocabSize);
  let end = 0;
  for (let token = 0; token < source.vocabSize; token++) {
    if (!source.isSpecial(token)) {
      const piece = source.tokenBytes(token);
      pieces.push(piece);
      end += piece.length;
    }
    ends[token] = end;
  }
  const bytes = new Uint8Array(end);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.length;
  }
  return { bytes, ends };
}

/** A token's bytes: a view, not to be written to. Empty for an id that the table lacks. */
export function bytesOf({ bytes, ends }: TokenTable, token: number): Uint8Array<ArrayBuffer> {
  if (token >= ends.length) return bytes.subarray(0, 0);
  return bytes.subarray(token === 0 ? 0 : ends[token - 1], ends[token]);
}

/**
 * Tokens in, text out, from a table alone. As the tokenizer's `Detokenizer` for an answer that follows other text:
 * only whole characters come out, U+FFFD for each ill-formed part.
 */
export class TokenText {
  readonly #table: TokenTable;
  // ignoreBOM keeps U+FEFF in the text, wherever it is.
  readonly #utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

  constructor(table: TokenTable) {
    this.#table = table;
  }

  /** The text that became certain with this token; "" while a character is incomplete. */
  push(token: number): string {
    return this.#utf8.decode(bytesOf(this.#table, token), { stream: true });
  }

  /** The end: U+FFFD when a character was left incomplete. */
  flush(): string {
    return this.#utf8.decode();
  }
}

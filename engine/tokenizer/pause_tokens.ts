import type { Vocabulary } from "./vocabulary.ts";

/**
 * Finds the tokens that can complete a stop string, so that a row may idle for the host to look at the text.
 * Indexed by the stop's last byte; at most 256 index entries, each made once.
 */
export class PauseTokens {
  readonly #vocabulary: Vocabulary;
  readonly #byLastByte = new Map<number, number[]>();

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  /** Token ids, ascending, without special tokens (their text is left out of answers). */
  for(stops: readonly string[]): number[] {
    const found = new Set<number>();
    for (const stop of stops) {
      const bytes = new TextEncoder().encode(stop);
      if (bytes.length === 0) continue;
      for (const token of this.#tokensWith(bytes[bytes.length - 1])) {
        if (!found.has(token) && canComplete(this.#vocabulary.bytes(token), bytes)) {
          found.add(token);
        }
      }
    }
    return [...found].sort((a, b) => a - b);
  }

  #tokensWith(byte: number): readonly number[] {
    let tokens = this.#byLastByte.get(byte);
    if (tokens === undefined) {
      tokens = [];
      for (let token = 0; token < this.#vocabulary.size; token++) {
        if (this.#vocabulary.isSpecial(token)) continue;
        if (this.#vocabulary.bytes(token).includes(byte)) tokens.push(token);
      }
      this.#byLastByte.set(byte, tokens);
    }
    return tokens;
  }
}

/** Whether `stop` can end inside `token`, given the right text before it. */
function canComplete(token: Uint8Array, stop: Uint8Array): boolean {
  for (let end = 1; end <= token.length; end++) {
    const length = Math.min(end, stop.length);
    let equal = true;
    for (let i = 1; equal && i <= length; i++) equal = token[end - i] === stop[stop.length - i];
    if (equal) return true;
  }
  return false;
}

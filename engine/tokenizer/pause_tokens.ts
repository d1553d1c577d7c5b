import type { Vocabulary } from "./vocabulary.ts";

/** Answers kept at most; the oldest goes. */
const CACHED = 64;

/**
 * Finds the tokens that can complete a stop string, so that a row may idle for the host to look at the text.
 * One pass over the vocabulary's bytes per stop string, remembered for the strings asked for lately.
 */
export class PauseTokens {
  readonly #vocabulary: Vocabulary;
  readonly #answers = new Map<string, readonly number[]>();

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  /** Token ids, ascending, without special tokens (their text is left out of answers). */
  for(stops: readonly string[]): number[] {
    const found = new Set(
      stops.filter((stop) => stop !== "").flatMap((stop) => this.#answer(stop)),
    );
    return [...found].sort((a, b) => a - b);
  }

  #answer(stop: string): readonly number[] {
    const known = this.#answers.get(stop);
    if (known !== undefined) return known;
    const bytes = new TextEncoder().encode(stop);
    const tokens: number[] = [];
    for (let token = 0; token < this.#vocabulary.size; token++) {
      if (canComplete(this.#vocabulary.bytes(token), bytes) && !this.#vocabulary.isSpecial(token)) {
        tokens.push(token);
      }
    }
    const oldest = this.#answers.keys().next();
    if (this.#answers.size >= CACHED && !oldest.done) this.#answers.delete(oldest.value);
    this.#answers.set(stop, tokens);
    return tokens;
  }
}

/** Whether `stop` can end inside `token`, given the right text before it. */
function canComplete(token: Uint8Array, stop: Uint8Array): boolean {
  const last = stop[stop.length - 1];
  for (let end = 1; end <= token.length; end++) {
    if (token[end - 1] !== last) continue;
    const length = Math.min(end, stop.length);
    let equal = true;
    for (let i = 2; equal && i <= length; i++) equal = token[end - i] === stop[stop.length - i];
    if (equal) return true;
  }
  return false;
}

import type { GeneratedToken, RoutingRequest } from "../../core/generation.ts";
import type { RoutingOptions } from "../../core/routing.ts";
import type { TokenTable } from "../../core/token_table.ts";
import { type Pace, STEADY } from "../../scheduler/mod.ts";
import { SentenceSplitter, TokenText } from "../../tokenizer/mod.ts";
import type { SharedVocabulary } from "./vocabulary.ts";

/** A sentence whose mixture is to be chosen. */
export interface DueSentence {
  index: number;
  /** The answer's tokens before the one that the mixture applies from. */
  start: number;
  /** When it became due, in milliseconds. */
  since: number;
}

/** Before an answer shows how long its sentences are, they are taken to have so many tokens. */
const PRIOR_TOKENS = 16;

/** A class and its weight in the mixture that is in force. */
export interface LabelledWeight {
  label: string;
  weight: number;
}

/** Follows the text of a routed answer and knows which of its sentences is to be routed. */
export class AnswerRoute {
  readonly options: RoutingOptions;
  /** Tokens behind which the host must look; none where the prompt's mixture stands throughout. */
  readonly pauseTokens: Iterable<number>;
  /** Latest mixture, as hysteresis compares it; null before there is one. */
  inForce: readonly LabelledWeight[] | null = null;
  #due: DueSentence | null;
  readonly #prompt: readonly number[];
  readonly #table: TokenTable;
  #text: TokenText;
  #splitter = new SentenceSplitter();
  #index = 0;
  #isInside = true;
  #drawn = 0;
  #pauses = 0;
  /** The token that the latest route was chosen on, where it was taken back: the router has seen it. */
  #takenBack: number | null = null;
  /** The next sentence to begin has its mixture: it has begun before, with the token taken back. */
  #isForeseen = false;

  constructor({ options, text }: RoutingRequest, vocabulary: SharedVocabulary, now: number) {
    this.options = options;
    this.pauseTokens = options.scope === "prompt" ? [] : vocabulary.candidates;
    this.#table = vocabulary.table;
    this.#prompt = [...text];
    this.#text = new TokenText(vocabulary.table);
    this.#due = { index: 0, start: 0, since: now };
  }

  /** The sentence that waits for its mixture. */
  get due(): DueSentence | null {
    return this.#due;
  }

  /** Behind a token that may end a sentence the host looks at the text after each one. */
  get pace(): Pace {
    if (this.options.scope === "prompt") return STEADY;
    const pauseChance = (this.#pauses + 1) / (this.#drawn + PRIOR_TOKENS);
    return { most: this.#isInside ? Infinity : 1, pauseChance };
  }

  /** The mixture of what was due is chosen, or nobody is there to choose one. */
  settle(): void {
    this.#due = null;
    this.#takenBack = null;
  }

  /** Whether the token that made a sentence due is to be drawn again under its mixture. */
  get redraws(): boolean {
    return this.options.firstToken === "redraw" && this.#due !== null;
  }

  /** The answer's last token is taken back; `rest` is what stays. */
  takeBack(token: number, rest: Uint32Array): void {
    this.#takenBack = token;
    this.#isForeseen = true;
    this.#drawn--;
    this.#text = new TokenText(this.#table);
    this.#splitter = new SentenceSplitter();
    for (const token of rest) this.#push(token);
  }

  /** Takes the answer's next tokens, which have just been drawn; `start` is how many came before. */
  read(tokens: readonly GeneratedToken[], start: number, now: number): void {
    if (this.options.scope === "prompt") return;
    const wasInside = this.#isInside;
    tokens.forEach(({ token }, i) => {
      const begun = this.#push(token) - (this.#isForeseen ? 1 : 0);
      if (begun < 0) return;
      this.#isForeseen = false;
      if (begun === 0) return;
      this.#index += begun;
      this.#due = { index: this.#index, start: start + i, since: now };
    });
    this.#drawn += tokens.length;
    if (wasInside && !this.#isInside) this.#pauses++;
  }

  /** Returns how many sentences were found to begin. */
  #push(token: number): number {
    const { state, starts } = this.#splitter.push(this.#text.push(token));
    this.#isInside = state === "inside";
    return starts.length;
  }

  /** What the router sees: the last tokens of prompt and answer, without special ones. */
  routerText(answer: Uint32Array, maxTokens: number): number[] {
    const { ends } = this.#table;
    const hasText = (token: number) =>
      token < ends.length && ends[token] > (token === 0 ? 0 : ends[token - 1]);
    const seen = this.#takenBack === null ? [...answer] : [...answer, this.#takenBack];
    return [...this.#prompt, ...seen.filter(hasText)].slice(-maxTokens);
  }
}

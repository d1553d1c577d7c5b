import { WeftError } from "../../engine/core/errors.ts";
import type { GeneratedToken, Timings, TokenEvent } from "../../engine/core/generation.ts";
import type { RoutedSentence } from "../../engine/core/routing.ts";
import type { Detokenizer } from "../ports.ts";
import { StopMatcher } from "../../engine/mod.ts";

/** A token whose text has been shown. */
export interface ShownToken extends GeneratedToken {
  /** Where its text begins in the choice's text, in UTF-16 units. */
  start: number;
}

export interface TextEvent {
  kind: "text";
  index: number;
  text: string;
  tokens: ShownToken[];
  /** The sentences that were routed since the text before. */
  sentences: RoutedSentence[];
}

/** One answer's progress, as text. */
export type ChoiceEvent =
  | { kind: "started"; index: number; cachedTokens: number }
  | TextEvent
  | {
    kind: "finished";
    index: number;
    reason: "stop" | "length";
    timings: Timings;
  };

export interface ChoiceOptions {
  index: number;
  detokenizer: Detokenizer;
  stops: readonly string[];
  stopTokens: readonly number[];
  /** Ends the engine's work on this choice: a stop string has matched. */
  abort: () => void;
  /** Called as tokens arrive, with how many up to and including the one that ended the answer. */
  onTokens: (count: number) => void;
  onRouted: (sentence: RoutedSentence) => void;
}

/**
 * Turns a request's token events into text. Stop tokens and stop strings are cut off; text that may
 * begin a stop string, and bytes of an incomplete character, wait for what follows.
 */
export async function* decodeChoice(
  events: AsyncIterable<TokenEvent>,
  options: ChoiceOptions,
): AsyncGenerator<ChoiceEvent, void> {
  const { index, onTokens, onRouted, abort } = options;
  const decoder = new ChoiceDecoder(options);
  let routed: RoutedSentence[] = [];

  function* shownText({ text, tokens }: Shown): Generator<TextEvent, void> {
    if (text === "" && tokens.length === 0) return;
    const sentences = routed;
    routed = [];
    yield { kind: "text", index, text, tokens, sentences };
  }

  for await (const event of events) {
    if (event.kind === "started") {
      yield { kind: "started", index, cachedTokens: event.cachedTokens };
    } else if (event.kind === "routed") {
      if (decoder.stopped) continue;
      onRouted(event.sentence);
      routed.push(event.sentence);
    } else if (event.kind === "tokens") {
      if (decoder.stopped) continue;
      const shown = decoder.push(event.tokens);
      onTokens(decoder.takeCount());
      yield* shownText(shown);
      if (decoder.stopped) abort();
    } else {
      if (event.reason === "abort" && !decoder.stopped) {
        throw new WeftError("unavailable", "The engine ended this answer before it was complete");
      }
      yield* shownText(decoder.end());
      yield {
        kind: "finished",
        index,
        reason: decoder.stopped || event.reason === "stop" ? "stop" : "length",
        timings: event.timings,
      };
    }
  }
}

interface Shown {
  text: string;
  tokens: ShownToken[];
}

/** Detokeniser, stop matcher and the tokens whose text the matcher still holds. */
class ChoiceDecoder {
  /** A stop string has matched. */
  stopped = false;
  readonly #detokenizer: Detokenizer;
  readonly #matcher: StopMatcher;
  readonly #stopTokens: ReadonlySet<number>;
  /** Tokens not shown yet, with where the text ends that they are part of; Infinity: not known yet. */
  #waiting: { token: ShownToken; end: number }[] = [];
  #count = 0;
  #decodedLength = 0;
  #shownLength = 0;

  constructor(options: Pick<ChoiceOptions, "detokenizer" | "stops" | "stopTokens">) {
    this.#detokenizer = options.detokenizer;
    this.#matcher = new StopMatcher(options.stops);
    this.#stopTokens = new Set(options.stopTokens);
  }

  push(tokens: readonly GeneratedToken[]): Shown {
    let text = "";
    for (const token of tokens) {
      this.#count++;
      if (this.#stopTokens.has(token.token)) break;
      const start = this.#decodedLength;
      const piece = this.#detokenizer.push(token.token);
      this.#decodedLength += piece.length;
      this.#waiting.push({ token: { ...token, start }, end: Infinity });
      if (piece !== "") this.#closeCharacter();
      text += this.#match(piece);
      if (this.stopped) break;
    }
    return this.#show(text);
  }

  /** Tokens taken in since the last call. */
  takeCount(): number {
    const count = this.#count;
    this.#count = 0;
    return count;
  }

  /** Everything held back; nothing after a stop string. */
  end(): Shown {
    if (this.stopped) return { text: "", tokens: [] };
    let text = this.#match(this.#detokenizer.flush());
    if (!this.stopped) text += this.#matcher.flush();
    const shown = this.#show(text);
    if (!this.stopped) shown.tokens.push(...this.#waiting.splice(0).map(({ token }) => token));
    return shown;
  }

  /** The latest text is that of all tokens since the text before: bytes of one character, say. */
  #closeCharacter(): void {
    for (let i = this.#waiting.length - 1; i >= 0 && this.#waiting[i].end === Infinity; i--) {
      this.#waiting[i].end = this.#decodedLength;
    }
  }

  #match(piece: string): string {
    const { text, stopped } = this.#matcher.push(piece);
    this.stopped = stopped;
    return text;
  }

  /** `text` with the tokens it completes; on a stop, also with the one it cuts in two. */
  #show(text: string): Shown {
    this.#shownLength += text.length;
    const done = this.#waiting.findIndex(({ token, end }) =>
      this.stopped ? token.start >= this.#shownLength : end > this.#shownLength
    );
    const count = done < 0 ? this.#waiting.length : done;
    return { text, tokens: this.#waiting.splice(0, count).map(({ token }) => token) };
  }
}

import { WeftError } from "../core/errors.ts";

/** What a piece of text came to. */
export interface StopResult {
  /** Text that may go out now; never part of a stop string. */
  text: string;
  stopped: boolean;
  /** The stop string that was found. */
  matched?: string;
}

/**
 * Looks for stop strings in text that comes in pieces. The first stop string to be complete wins; of two that
 * end together, the longer. The outcome does not depend on where the pieces are cut, and only
 * what may still become a stop string is held back. Linear time (Knuth, Morris and Pratt's automaton per string).
 */
export class StopMatcher {
  readonly #stops: readonly Stop[];
  /** How much of each stop string the text's end matches. */
  readonly #matched: number[];
  #held = "";
  #stopped: StopResult | null = null;

  /** @throws WeftError `invalid_request` for an empty stop string or one that is no Unicode text */
  constructor(stops: readonly string[]) {
    for (const stop of stops) {
      if (stop === "" || !stop.isWellFormed()) {
        throw new WeftError(
          "invalid_request",
          `Cannot stop at ${JSON.stringify(stop)}: a stop string must be non-empty Unicode text`,
          { param: "stop" },
        );
      }
    }
    this.#stops = stops.map((text) => ({ text, fallback: fallbackTable(text) }));
    this.#matched = stops.map(() => 0);
  }

  /** Takes the next piece. After a stop, every further piece is swallowed. */
  push(text: string): StopResult {
    if (this.#stopped) return { ...this.#stopped, text: "" };
    if (this.#stops.length === 0) return { text, stopped: false };
    const heldBefore = this.#held.length;
    const all = this.#held + text;
    for (let i = 0; i < text.length; i++) {
      const found = this.#advance(text[i]);
      if (found === null) continue;
      const end = heldBefore + i + 1;
      this.#held = "";
      this.#stopped = { text: "", stopped: true, matched: found };
      return { ...this.#stopped, text: all.slice(0, end - found.length) };
    }
    const hold = Math.max(...this.#matched);
    this.#held = hold === 0 ? "" : all.slice(-hold);
    return { text: all.slice(0, all.length - hold), stopped: false };
  }

  /** The end of the text: what was held back turned out not to be a stop string. */
  flush(): string {
    const text = this.#held;
    this.#held = "";
    this.#matched.fill(0);
    return text;
  }

  #advance(unit: string): string | null {
    let found: string | null = null;
    for (let s = 0; s < this.#stops.length; s++) {
      const { text, fallback } = this.#stops[s];
      let length = this.#matched[s];
      while (length > 0 && text[length] !== unit) length = fallback[length - 1];
      if (text[length] === unit) length++;
      this.#matched[s] = length;
      if (length === text.length && (found === null || text.length > found.length)) found = text;
    }
    return found;
  }
}

interface Stop {
  text: string;
  fallback: Uint32Array;
}

/** For each prefix, the length of its longest proper prefix that is also its suffix. */
function fallbackTable(text: string): Uint32Array {
  const table = new Uint32Array(text.length);
  for (let i = 1, length = 0; i < text.length; i++) {
    while (length > 0 && text[i] !== text[length]) length = table[length - 1];
    if (text[i] === text[length]) length++;
    table[i] = length;
  }
  return table;
}

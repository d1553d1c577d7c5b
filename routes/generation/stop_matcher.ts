/**
 * Finds the first of several stop strings in text that arrives in pieces, and holds back only what
 * may yet become one. The stop string completed first wins; of two completed by the same character,
 * the longer. So the result does not depend on how the text was cut.
 */
export class StopMatcher {
  readonly #stops: readonly string[];
  #held = "";

  constructor(stops: readonly string[]) {
    this.#stops = stops;
  }

  /** The text now safe to show; after `stopped`, nothing more may be pushed. */
  push(text: string): { text: string; stopped: boolean } {
    const seen = this.#held + text;
    let start = -1;
    let end = Infinity;
    for (const stop of this.#stops) {
      const at = seen.indexOf(stop);
      if (at < 0) continue;
      if (at + stop.length < end || (at + stop.length === end && at < start)) {
        start = at;
        end = at + stop.length;
      }
    }
    if (start >= 0) {
      this.#held = "";
      return { text: seen.slice(0, start), stopped: true };
    }
    const safe = seen.length - this.#longestOpenSuffix(seen);
    this.#held = seen.slice(safe);
    return { text: seen.slice(0, safe), stopped: false };
  }

  /** What was held back, when no text follows. */
  flush(): string {
    const held = this.#held;
    this.#held = "";
    return held;
  }

  /** The length of the longest suffix that begins a stop string. */
  #longestOpenSuffix(seen: string): number {
    let longest = 0;
    for (const stop of this.#stops) {
      const most = Math.min(stop.length - 1, seen.length);
      for (let length = most; length > longest; length--) {
        if (stop.startsWith(seen.slice(seen.length - length))) longest = length;
      }
    }
    return longest;
  }
}

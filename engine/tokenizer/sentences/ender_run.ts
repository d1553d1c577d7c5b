import {
  isDash,
  isDigit,
  isIdeographic,
  isLetter,
  isLower,
  isOperator,
  isUpper,
  Kind,
  kindOf,
} from "./characters.ts";
import { type FullStop, type FullStopRule, fullStopRule } from "./full_stop.ts";
import type { NextWord } from "./next_word.ts";

/** Whether a new sentence begins behind the run; `look-on`: ask about the next character; else the word decides. */
export type Verdict = "ends" | "goes-on" | "look-on" | NextWord;

/** Japanese particles: 「行く。」と言った is one sentence. */
const PARTICLES = "とっのをがはにでもやへなか";
const CORNER_CLOSERS = "」』｣";
/** Full-width openers and Spain's: no code has them, so no space is needed before them. */
const TEXT_OPENERS = "¿¡《「『【（";

/** Enders with what closes behind them, as one: `."`, `?!`, `...`, `。」`. Judges what follows. */
export class EnderRun {
  /** The number of the list item that it belongs to ("1."), if it does. */
  readonly listNumber: number | undefined;
  readonly #rule: FullStopRule;
  readonly #afterWord: boolean;
  readonly #afterSpace: boolean;
  #last: number;
  #strong = false;
  #wide = false;
  #ellipsis = false;
  #closed = false;
  #referenced = false;
  /** What the run was before it went on behind a space (". . ."): would it have ended there? */
  #endedBeforeSpace: boolean | null = null;

  constructor(unit: number, stop: FullStop) {
    const before = stop.left.charCodeAt(stop.left.length - 1);
    this.#afterWord = isLetter(before) || isDigit(before);
    this.#afterSpace = kindOf(before) === Kind.SPACE;
    const isDot = kindOf(unit) === Kind.DOT;
    const { rule, listNumber } = isDot ? fullStopRule(stop) : { rule: "plain" as const };
    this.#rule = rule;
    this.listNumber = listNumber;
    this.#last = unit;
    // An abbreviation's own dot, which began no run, may be an ellipsis' first.
    this.#ellipsis = isDot && kindOf(before) === Kind.DOT;
    this.#note(unit);
  }

  /** Only a line's end can end a sentence here ("Dr."). */
  get isNoEnd(): boolean {
    return this.#rule === "never";
  }

  addEnder(unit: number): void {
    if (kindOf(unit) === Kind.DOT && kindOf(this.#last) === Kind.DOT) this.#ellipsis = true;
    this.#last = unit;
    this.#note(unit);
  }

  /** An ender behind a space: ". . ." or "! !". */
  addEnderAfterSpace(unit: number): void {
    this.#endedBeforeSpace ??= this.#rule === "plain" && !this.#closed && !this.#ellipsis;
    if (kindOf(unit) === Kind.DOT) this.#ellipsis = true;
    this.#last = unit;
    this.#note(unit);
  }

  addCloser(unit: number): void {
    this.#closed = true;
    this.#last = unit;
  }

  /** `[12]` directly behind the run. */
  addReference(): void {
    this.#referenced = true;
  }

  /**
   * The next character stands directly behind the run. `ends-before-space`: the run's second part was no ender but
   * the beginning of a word (" .NET"), and a sentence ended before it.
   */
  judgeDirect(unit: number): "ends" | "goes-on" | "ends-before-space" {
    if (kindOf(unit) === Kind.COMMA) return "goes-on";
    if (this.#wide) return this.#isParticle(unit) ? "goes-on" : "ends";
    if (this.#endedBeforeSpace !== null && isLetter(unit)) {
      return this.#endedBeforeSpace ? "ends-before-space" : "goes-on";
    }
    if (this.#referenced || this.#rule !== "plain") return "goes-on";
    if (this.#ellipsis && !this.#strong) {
      return isUpper(unit) && this.#afterWord && !this.#closed ? "ends" : "goes-on";
    }
    const ends = isIdeographic(unit) || TEXT_OPENERS.includes(String.fromCharCode(unit));
    return ends ? "ends" : "goes-on";
  }

  /** The next character that is no space stands behind a space. */
  judge(unit: number): Verdict {
    const kind = kindOf(unit);
    if (kind === Kind.COMMA) return "goes-on";
    if (this.#wide) return "ends";
    const opens = kind === Kind.OPENER || kind === Kind.QUOTE ||
      kind === Kind.LEFT_GUILLEMET || kind === Kind.RIGHT_GUILLEMET;
    // "Go!" she said; "Go." — "No."
    if (this.#closed && (isLower(unit) || isDash(unit))) return "goes-on";
    if (this.#strong || (this.#rule === "plain" && !this.#ellipsis)) {
      return this.#afterSpace && (isLower(unit) || isOperator(unit)) ? "goes-on" : "ends";
    }
    if (opens) return "look-on";
    if (this.#ellipsis) return isLetter(unit) && !isLower(unit) ? "ends" : "goes-on";
    if (this.#rule === "unless-number") return isDigit(unit) ? "goes-on" : "ends";
    const lower = isLower(unit) || isDigit(unit);
    if (this.#closed || typeof this.#rule === "string") return lower ? "goes-on" : "ends";
    return this.#rule;
  }

  #note(unit: number): void {
    const kind = kindOf(unit);
    if (kind === Kind.STRONG) this.#strong = true;
    if (kind === Kind.WIDE) this.#wide = true;
    if (kind === Kind.ELLIPSIS) this.#ellipsis = true;
  }

  #isParticle(unit: number): boolean {
    return CORNER_CLOSERS.includes(String.fromCharCode(this.#last)) &&
      PARTICLES.includes(String.fromCharCode(unit));
  }
}

import { isDigit, isLetter, Kind, kindOf, nextStop } from "./characters.ts";
import { EnderRun } from "./ender_run.ts";
import { LOOK_BACK } from "./full_stop.ts";
import type { NextWord } from "./next_word.ts";

/**
 * What the text so far says about its last sentence.
 * - `inside`: nothing ended it
 * - `undecided`: it may have ended; what follows tells
 * - `ended`: it has; the next character that is no space begins another, however many tokens of space come first
 */
export type SentenceState = "inside" | "undecided" | "ended";

/** What a piece of text changed. */
export interface SentenceUpdate {
  state: SentenceState;
  /**
   * Where sentences were found to begin: offsets into the whole text in UTF-16 units, ascending, without the text's
   * first sentence. Usually inside the piece; before it where an opening bracket or a whole word had to be seen.
   */
  starts: readonly number[];
}

const NONE: readonly number[] = [];

/**
 * Finds sentences in text that arrives in pieces; what it finds does not depend on where the pieces are cut, also
 * inside a surrogate pair. Linear time, constant memory. What counts as an end: docs/ROUTING.md, "Sentences".
 */
export class SentenceSplitter {
  /** Units before the current piece. */
  #offset = 0;
  /** The last of them. */
  #tail = "";
  /** Where the current sentence's first visible character is, and what it came after. */
  #begin = 0;
  #began: "text" | "line" | "sentence" = "text";
  #listNumber = 0;
  #guillemets: "none" | "pointing-out" | "pointing-in" = "none";
  #phase: "before" | "inside" | "run" | "reference" | "gap" | "opening" | "word" = "before";
  #run!: EnderRun;
  /** Where the next sentence begins if the run proves to be an end. */
  #next = 0;
  #word = "";
  #question!: NextWord;
  #starts: number[] = [];

  /** Takes the next piece of text, which may be empty. */
  push(piece: string): SentenceUpdate {
    for (let i = 0; i < piece.length;) {
      if (this.#phase === "inside") {
        i = nextStop(piece, i);
        if (i === piece.length) break;
      }
      if (this.#take(piece, i)) i++;
    }
    this.#offset += piece.length;
    this.#tail = piece.length >= LOOK_BACK
      ? piece.slice(-LOOK_BACK)
      : (this.#tail + piece).slice(-LOOK_BACK);
    return { state: this.state, starts: this.#takeStarts() };
  }

  /** The text is complete: what was still undecided is decided. The splitter takes no more text. */
  end(): readonly number[] {
    if (this.#phase === "word") {
      this.#settle(this.#question.matches(this.#word, -1) === this.#question.matchEnds);
    }
    return this.#takeStarts();
  }

  get state(): SentenceState {
    if (this.#phase === "inside") return "inside";
    if (this.#phase !== "before") return "undecided";
    return this.#began === "text" ? "inside" : "ended";
  }

  #takeStarts(): readonly number[] {
    if (this.#starts.length === 0) return NONE;
    const starts = this.#starts;
    this.#starts = [];
    return starts;
  }

  /** Takes the piece's unit `i`, or only draws a conclusion from it: then false, and it is looked at again. */
  #take(piece: string, i: number): boolean {
    const unit = piece.charCodeAt(i);
    const kind = kindOf(unit);
    const at = this.#offset + i;
    switch (this.#phase) {
      case "before":
        return this.#takeBefore(kind, at);
      case "inside":
        return this.#takeInside(unit, { piece, i });
      case "run":
        return this.#takeBehindRun(unit, at);
      case "reference":
        return this.#takeReference(unit);
      case "gap":
        return this.#takeGap(unit, at);
      case "opening":
        return this.#takeOpening(unit);
      case "word":
        return this.#takeWord(unit);
    }
  }

  #takeBefore(kind: number, at: number): boolean {
    if (kind === Kind.SPACE || kind === Kind.NEWLINE) return true;
    if (this.#began === "line") this.#starts.push(at);
    this.#begin = at;
    this.#phase = "inside";
    return false;
  }

  #takeInside(unit: number, { piece, i }: { piece: string; i: number }): boolean {
    const kind = kindOf(unit);
    if (kind === Kind.NEWLINE) return this.#endLine();
    if (kind === Kind.LEFT_GUILLEMET || kind === Kind.RIGHT_GUILLEMET) {
      this.#noteGuillemet(kind);
      return true;
    }
    const left = i >= LOOK_BACK
      ? piece.slice(i - LOOK_BACK, i)
      : (this.#tail + piece.slice(0, i)).slice(-LOOK_BACK);
    this.#run = new EnderRun(unit, {
      left,
      sentenceLength: this.#offset + i - this.#begin,
      began: this.#began,
      listNumber: this.#listNumber,
    });
    this.#listNumber = this.#run.listNumber ?? this.#listNumber;
    if (!this.#run.isNoEnd) this.#phase = "run";
    return true;
  }

  #takeBehindRun(unit: number, at: number): boolean {
    const kind = kindOf(unit);
    if (kind === Kind.NEWLINE) return this.#endLine();
    if (kind === Kind.SPACE) this.#phase = "gap";
    else if (kind >= Kind.DOT && kind <= Kind.WIDE) this.#run.addEnder(unit);
    else if (kind === Kind.CLOSER || kind === Kind.QUOTE || this.#closesGuillemet(kind)) {
      this.#noteGuillemet(kind);
      this.#run.addCloser(unit);
    } else if (unit === 0x5b) this.#phase = "reference";
    else {
      const verdict = this.#run.judgeDirect(unit);
      if (verdict === "ends") this.#next = at;
      return this.#settle(verdict !== "goes-on");
    }
    return true;
  }

  /** Behind `.[`: digits or `^` and a bracket. */
  #takeReference(unit: number): boolean {
    if (isDigit(unit) || unit === 0x5e) return true;
    if (unit !== 0x5d) return this.#settle(false);
    this.#run.addReference();
    this.#phase = "run";
    return true;
  }

  #takeGap(unit: number, at: number): boolean {
    const kind = kindOf(unit);
    if (kind === Kind.NEWLINE) return this.#endLine();
    if (kind === Kind.SPACE) return true;
    this.#next = at;
    if (kind >= Kind.DOT && kind <= Kind.WIDE) this.#run.addEnderAfterSpace(unit);
    else if (kind === Kind.CLOSER || this.#closesGuillemet(kind)) {
      this.#noteGuillemet(kind);
      this.#run.addCloser(unit);
    } else {
      this.#phase = "opening";
      return false;
    }
    this.#phase = "run";
    return true;
  }

  #takeOpening(unit: number): boolean {
    const verdict = this.#run.judge(unit);
    if (verdict === "look-on") {
      this.#noteGuillemet(kindOf(unit));
      return true;
    }
    if (typeof verdict === "string") return this.#settle(verdict === "ends");
    this.#question = verdict;
    this.#word = "";
    this.#phase = "word";
    return false;
  }

  #takeWord(unit: number): boolean {
    const { may, matches, matchEnds } = this.#question;
    if (!isLetter(unit)) return this.#settle(matches(this.#word, unit) === matchEnds);
    this.#word += String.fromCharCode(unit);
    // The letter may be taken: nothing in a word stops the scan.
    if (!may(this.#word)) this.#settle(!matchEnds);
    return true;
  }

  #endLine(): true {
    this.#phase = "before";
    this.#began = "line";
    this.#guillemets = "none";
    return true;
  }

  /** The run was an end, and `#next` begins a sentence, or it was none. */
  #settle(ends: boolean): false {
    if (ends) {
      this.#starts.push(this.#next);
      this.#begin = this.#next;
      this.#began = "sentence";
    }
    this.#phase = "inside";
    return false;
  }

  /** « opens in French, » in German: whichever comes first on a line. */
  #closesGuillemet(kind: number): boolean {
    return kind === Kind.RIGHT_GUILLEMET && this.#guillemets === "pointing-out" ||
      kind === Kind.LEFT_GUILLEMET && this.#guillemets === "pointing-in";
  }

  /** Keeps track of guillemets; every other kind of character is fine too. */
  #noteGuillemet(kind: number): void {
    if (this.#closesGuillemet(kind)) this.#guillemets = "none";
    else if (kind === Kind.LEFT_GUILLEMET) this.#guillemets = "pointing-out";
    else if (kind === Kind.RIGHT_GUILLEMET) this.#guillemets = "pointing-in";
  }
}

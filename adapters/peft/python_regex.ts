import {
  ALL_BUT_NEWLINE,
  charRange,
  type CharSet,
  DIGITS,
  inverted,
  LITERALS,
  NOTHING,
  SPACES,
  union,
  WORD,
} from "./char_set.ts";

/**
 * Python `re` syntax, as far as it occurs in adapter configurations, parsed to a tree.
 *
 * It isn't handed to JavaScript's RegExp for two reasons: the languages differ (`\Z`, `(?P<…>)`, `{,3}`, `\d`), and an
 * adapter from a stranger may hold a pattern that backtracks for years. What the pattern's *order* of
 * alternatives decides (back-references, atomic groups, possessive quantifiers) is refused, so greedy and lazy
 * quantifiers mean the same here.
 *
 * Syntax: https://docs.python.org/3/library/re.html#regular-expression-syntax
 */
export type RegexNode =
  /** One character each. */
  | { kind: "run"; chars: readonly CharSet[] }
  | { kind: "sequence"; parts: readonly RegexNode[] }
  | { kind: "choice"; options: readonly RegexNode[] }
  | { kind: "repeat"; body: RegexNode; min: number; max: number }
  | { kind: "look"; body: RegexNode; direction: "ahead" | "behind"; negated: boolean }
  | { kind: "assert"; what: "start" | "end" | "boundary" | "no boundary" };

/** Why a pattern is refused, in words that follow `pattern "…" `. */
export class RegexSyntaxError extends Error {}

const MAX_NESTING = 50;
const CLASSES: Readonly<Record<string, CharSet>> = {
  d: DIGITS,
  D: inverted(DIGITS),
  s: SPACES,
  S: inverted(SPACES),
  w: WORD,
  W: inverted(WORD),
};
const ASSERTIONS = { A: "start", Z: "end", b: "boundary", B: "no boundary" } as const;
const CONTROL: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  f: "\f",
  v: "\v",
  a: "\x07",
};

/** @throws {RegexSyntaxError} for what Python refuses and for what Weft does not support. */
export function parsePythonRegex(source: string): RegexNode {
  return new Parser(source).parse();
}

class Parser {
  readonly #source: string;
  #at = 0;
  #nesting = 0;
  #ignoreCase = false;

  constructor(source: string) {
    this.#source = source;
  }

  parse(): RegexNode {
    this.#globalFlags();
    const node = this.#choice();
    if (this.#at < this.#source.length) throw new RegexSyntaxError("has an unbalanced )");
    return node;
  }

  /** `(?i)` and the like are allowed at the very start only, as in Python. */
  #globalFlags(): void {
    const flags = /^\(\?([a-zA-Z]+)\)/.exec(this.#source);
    if (flags === null) return;
    const unsupported = /[^aimsu]/.exec(flags[1]);
    if (unsupported) throw new RegexSyntaxError(`uses the unsupported flag ${unsupported[0]}`);
    this.#ignoreCase = flags[1].includes("i");
    this.#at = flags[0].length;
  }

  #choice(): RegexNode {
    if (++this.#nesting > MAX_NESTING) {
      throw new RegexSyntaxError(`nests more than ${MAX_NESTING} groups`);
    }
    const options = [this.#sequence()];
    while (this.#take("|")) options.push(this.#sequence());
    this.#nesting--;
    return options.length === 1 ? options[0] : { kind: "choice", options };
  }

  #sequence(): RegexNode {
    const parts: RegexNode[] = [];
    let run: CharSet[] = [];
    const endRun = () => {
      if (run.length > 0) parts.push({ kind: "run", chars: run });
      run = [];
    };
    while (this.#at < this.#source.length && !"|)".includes(this.#peek())) {
      const atom = this.#atom();
      if (atom === undefined) continue;
      const node = this.#quantified(atom);
      if (node.kind === "run" && node === atom) {
        run.push(...node.chars);
      } else {
        endRun();
        parts.push(node);
      }
    }
    endRun();
    return parts.length === 1 ? parts[0] : { kind: "sequence", parts };
  }

  /** Undefined for a comment. */
  #atom(): RegexNode | undefined {
    const char = this.#next();
    switch (char) {
      case ".":
        return single(ALL_BUT_NEWLINE);
      case "^":
        return { kind: "assert", what: "start" };
      case "$":
        return { kind: "assert", what: "end" };
      case "(":
        return this.#group();
      case "[":
        return single(this.#class());
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        throw new RegexSyntaxError(`repeats nothing with ${char}`);
      default:
        return this.#literal(char);
    }
  }

  #literal(char: string): RegexNode {
    return single(this.#chars(char, char));
  }

  #quantified(atom: RegexNode): RegexNode {
    const bounds = this.#quantifier();
    if (bounds === undefined) return atom;
    if (this.#peek() === "+") {
      throw new RegexSyntaxError("has an unsupported possessive quantifier");
    }
    this.#take("?"); // lazy
    const again = this.#at;
    if (this.#quantifier() !== undefined) {
      throw new RegexSyntaxError(`has a multiple repeat at position ${again}`);
    }
    return { kind: "repeat", body: atom, ...bounds };
  }

  #quantifier(): { min: number; max: number } | undefined {
    if (this.#take("*")) return { min: 0, max: Infinity };
    if (this.#take("+")) return { min: 1, max: Infinity };
    if (this.#take("?")) return { min: 0, max: 1 };
    // A brace that is no quantifier is a literal, and `{}` is none.
    const braces = /^\{(\d*)(,?)(\d*)\}/.exec(this.#source.slice(this.#at, this.#at + 24));
    if (braces === null || braces[0] === "{}") return undefined;
    this.#at += braces[0].length;
    const [, low, comma, high] = braces;
    const min = Number(low);
    const max = comma === "" ? min : high === "" ? Infinity : Number(high);
    if (max < min) throw new RegexSyntaxError(`has a minimum above its maximum in ${braces[0]}`);
    return { min, max };
  }

  #group(): RegexNode | undefined {
    if (!this.#take("?")) return this.#closed();
    if (this.#take("#")) {
      while (this.#next() !== ")");
      return undefined;
    }
    if (this.#take(":")) return this.#closed();
    if (this.#take("=")) return this.#look("ahead", false);
    if (this.#take("!")) return this.#look("ahead", true);
    if (this.#take("<=")) return this.#look("behind", false);
    if (this.#take("<!")) return this.#look("behind", true);
    const name = /^P<([A-Za-z_]\w*)>/.exec(this.#source.slice(this.#at));
    if (name === null) {
      const what = this.#source.slice(this.#at - 2, this.#at + 2);
      throw new RegexSyntaxError(
        `has an unsupported group "${what}"; supported are (…), (?:…), (?P<name>…), (?=…), (?!…), ` +
          `(?<=…), (?<!…) and flags at the start`,
      );
    }
    this.#at += name[0].length;
    return this.#closed();
  }

  #look(direction: "ahead" | "behind", negated: boolean): RegexNode {
    return { kind: "look", body: this.#closed(), direction, negated };
  }

  #closed(): RegexNode {
    const body = this.#choice();
    if (!this.#take(")")) throw new RegexSyntaxError("has an unclosed (");
    // A repeated or nested run must stay one unit.
    return { kind: "sequence", parts: [body] };
  }

  #escape(): RegexNode {
    const char = this.#next();
    if (char in ASSERTIONS) {
      return { kind: "assert", what: ASSERTIONS[char as keyof typeof ASSERTIONS] };
    }
    if (char in CLASSES) return single(CLASSES[char]);
    if (/[1-9]/.test(char)) {
      throw new RegexSyntaxError(`has an unsupported back-reference \\${char}`);
    }
    return this.#literal(this.#escapedChar(char));
  }

  /** The character that `\` and `char` stand for, inside or outside a class. */
  #escapedChar(char: string): string {
    if (char in CONTROL) return CONTROL[char];
    const digits = { x: 2, u: 4 }[char];
    if (digits !== undefined) {
      const hex = this.#source.slice(this.#at, this.#at + digits);
      if (!/^[0-9a-fA-F]+$/.test(hex) || hex.length < digits) {
        throw new RegexSyntaxError(`has an incomplete escape \\${char}${hex}`);
      }
      this.#at += digits;
      return String.fromCharCode(parseInt(hex, 16));
    }
    if (/[A-Za-z0-9]/.test(char)) throw new RegexSyntaxError(`has an unsupported escape \\${char}`);
    return char;
  }

  /** After `[`. */
  #class(): CharSet {
    const negated = this.#take("^");
    const members: CharSet[] = [];
    for (let first = true; first || this.#peek() !== "]"; first = false) {
      const low = this.#member();
      if (typeof low !== "string") {
        members.push(low);
        continue;
      }
      let high = low;
      if (this.#peek() === "-" && this.#source[this.#at + 1] !== "]") {
        this.#next();
        const end = this.#member();
        if (typeof end !== "string" || end < low) {
          throw new RegexSyntaxError(`has a bad character range from ${JSON.stringify(low)}`);
        }
        high = end;
      }
      members.push(this.#chars(low, high));
    }
    this.#next();
    return negated ? inverted(union(members)) : union(members);
  }

  #member(): string | CharSet {
    const char = this.#next();
    if (char !== "\\") return char;
    const escaped = this.#next();
    if (escaped in CLASSES) return CLASSES[escaped];
    return escaped === "b" ? "\b" : this.#escapedChar(escaped);
  }

  #chars(low: string, high: string): CharSet {
    const [first, last] = [low.charCodeAt(0), high.charCodeAt(0)];
    if (first === last && !this.#ignoreCase) return LITERALS[first] ?? NOTHING;
    return charRange(first, last, { ignoreCase: this.#ignoreCase });
  }

  #peek(): string {
    return this.#source[this.#at] ?? "";
  }

  #next(): string {
    if (this.#at >= this.#source.length) throw new RegexSyntaxError("ends too early");
    return this.#source[this.#at++];
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }
}

function single(chars: CharSet): RegexNode {
  return { kind: "run", chars: [chars] };
}

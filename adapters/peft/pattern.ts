import { WORD } from "./char_set.ts";
import { parsePythonRegex, type RegexNode, RegexSyntaxError } from "./python_regex.ts";
import { quote, refuse } from "./refuse.ts";

/** A pattern that lists every module of a 100-layer model by name has some 30,000 characters. */
export const MAX_PATTERN_LENGTH = 65_536;
/** About a third of a second. A thousand patterns over a deep model take a fifth of it. */
export const MATCH_STEPS = 2_000_000;

/** Steps left to all patterns of one adapter together. */
export interface MatchBudget {
  steps: number;
}

/**
 * One of PEFT's patterns over module names: a Python regular expression.
 *
 * A node is a relation between start and end positions, and each pair is computed once per name, so the cost
 * is polynomial whatever the nesting of quantifiers; the budget bounds what is left.
 */
export class Pattern {
  readonly #source: string;
  readonly #root: RegexNode;
  readonly #budget: MatchBudget;
  /** Characters a match takes, if every match takes the same number. */
  readonly #width: number | undefined;

  /** @throws {WeftError} `bad_adapter` when the pattern is malformed, unsupported or too long. */
  constructor(source: string, budget: MatchBudget) {
    if (source.length > MAX_PATTERN_LENGTH) {
      throw refusePattern(
        source,
        `has ${source.length} characters; at most ${MAX_PATTERN_LENGTH} are allowed`,
      );
    }
    try {
      this.#root = parsePythonRegex(source);
    } catch (error) {
      if (!(error instanceof RegexSyntaxError)) throw error;
      throw refusePattern(source, error.message);
    }
    this.#source = source;
    this.#budget = budget;
    this.#width = fixedWidth(this.#root);
  }

  /** As Python's `re.fullmatch(source, name)`. */
  matches(name: string): boolean {
    return this.#reaches(name, [0]);
  }

  /** As PEFT's `get_pattern_key`: the pattern matches the name from its start or after any of its dots. */
  matchesTail(name: string): boolean {
    const starts = [0];
    for (let i = 0; i < name.length; i++) if (name[i] === ".") starts.push(i + 1);
    return this.#reaches(name, starts);
  }

  #reaches(name: string, starts: readonly number[]): boolean {
    const width = this.#width;
    const possible = width === undefined
      ? starts
      : starts.filter((at) => at + width === name.length);
    this.#budget.steps--;
    const found = possible.length > 0 &&
      new Match(name, this.#budget).step(this.#root, possible).includes(name.length);
    if (this.#budget.steps < 0) throw refusePattern(this.#source, "takes too many steps to match");
    return found;
  }
}

/** Positions are kept as sorted lists without repeats; after the budget is spent, nothing matches. */
class Match {
  readonly #name: string;
  readonly #budget: MatchBudget;
  readonly #memo = new Map<RegexNode, (readonly number[])[]>();

  constructor(name: string, budget: MatchBudget) {
    this.#name = name;
    this.#budget = budget;
  }

  /** All ends of matches that start at any of `starts`. */
  step(node: RegexNode, starts: readonly number[]): readonly number[] {
    if (starts.length === 1) return this.#ends(node, starts[0]);
    const ends = new Set<number>();
    for (const start of starts) {
      const reached = this.#ends(node, start);
      for (const end of reached) ends.add(end);
      this.#budget.steps -= reached.length;
    }
    return [...ends].sort((a, b) => a - b);
  }

  #ends(node: RegexNode, start: number): readonly number[] {
    if (--this.#budget.steps < 0) return [];
    if (node.kind === "run") return this.#run(node.chars, start);
    let known = this.#memo.get(node);
    if (known === undefined) this.#memo.set(node, known = []);
    return known[start] ??= this.#compute(node, start);
  }

  #compute(node: Exclude<RegexNode, { kind: "run" }>, start: number): readonly number[] {
    switch (node.kind) {
      case "sequence":
        return node.parts.reduce<readonly number[]>(
          (at, part) => at.length === 0 ? at : this.step(part, at),
          [start],
        );
      case "choice": {
        const ends = new Set(node.options.flatMap((option) => this.#ends(option, start)));
        return [...ends].sort((a, b) => a - b);
      }
      case "repeat":
        return this.#repeat(node, start);
      case "look":
        return this.#looks(node, start) !== node.negated ? [start] : [];
      case "assert":
        return this.#holds(node.what, start) ? [start] : [];
    }
  }

  #run(chars: readonly Uint8Array[], start: number): readonly number[] {
    const end = start + chars.length;
    if (end > this.#name.length) return [];
    for (let i = 0; i < chars.length; i++) {
      if (!chars[i][this.#name.charCodeAt(start + i)]) return [];
    }
    return [end];
  }

  #repeat({ body, min, max }: Extract<RegexNode, { kind: "repeat" }>, start: number) {
    let at: readonly number[] = [start];
    // A match never moves back, so once the positions stay the same they stay so for every further round.
    for (let round = 0; round < min && at.length > 0; round++) {
      const next = this.step(body, at);
      if (next.length === at.length && next.every((end, i) => end === at[i])) break;
      at = next;
    }
    const ends = new Set(at);
    for (let round = min; round < max && at.length > 0; round++) {
      at = this.step(body, at).filter((end) => !ends.has(end));
      for (const end of at) ends.add(end);
    }
    return [...ends].sort((a, b) => a - b);
  }

  #looks({ body, direction }: Extract<RegexNode, { kind: "look" }>, start: number): boolean {
    if (direction === "ahead") return this.#ends(body, start).length > 0;
    for (let from = start; from >= 0; from--) {
      if (this.#ends(body, from).includes(start)) return true;
    }
    return false;
  }

  #holds(what: Extract<RegexNode, { kind: "assert" }>["what"], at: number): boolean {
    switch (what) {
      case "start":
        return at === 0;
      case "end":
        return at === this.#name.length;
      case "boundary":
        return this.#isWord(at - 1) !== this.#isWord(at);
      case "no boundary":
        return this.#isWord(at - 1) === this.#isWord(at);
    }
  }

  #isWord(at: number): boolean {
    return WORD[this.#name.charCodeAt(at)] === 1;
  }
}

/** Undefined where matches may differ in width. */
function fixedWidth(node: RegexNode): number | undefined {
  switch (node.kind) {
    case "run":
      return node.chars.length;
    case "sequence":
      return node.parts.reduce<number | undefined>((sum, part) => {
        const width = fixedWidth(part);
        return sum === undefined || width === undefined ? undefined : sum + width;
      }, 0);
    case "choice": {
      const widths = node.options.map(fixedWidth);
      return widths.every((width) => width === widths[0]) ? widths[0] : undefined;
    }
    case "repeat": {
      const width = fixedWidth(node.body);
      return width !== undefined && node.min === node.max ? width * node.min : undefined;
    }
    case "look":
    case "assert":
      return 0;
  }
}

function refusePattern(source: string, why: string): Error {
  return refuse(`pattern ${quote(source)} ${why}`);
}

import { WeftError } from "../core/errors.ts";
import type { TemplateMessage } from "./chat_messages.ts";

/** U+FDD0 to U+FDEF: code points that will never be characters, meant for a program's own use. */
const NONCHARACTERS = Array.from({ length: 32 }, (_, i) => String.fromCharCode(0xfdd0 + i));

/** Messages whose contents cannot be read as special tokens, and the mark that keeps them so. */
export interface GuardedMessages {
  messages: TemplateMessage[];
  /** To be taken out again once the rendered text has been split at special tokens; "" = nothing to take out. */
  mark: string;
}

/**
 * Keeps users from forging turns: where a content spells a special token ("<|eot_id|>"), a mark goes behind its
 * first character, so that the tokenizer's search for special tokens passes over it; the mark is removed before
 * the text is tokenised (encoder.ts). Contents that spell none are not touched, so their tokens are exactly
 * Python's. A content that begins with the end of a special token, or ends with the beginning of one, is marked there as well,
 * so that no two contents make one between them.
 */
export class SpecialGuard {
  readonly #within: RegExp | null;
  readonly #prefixes = new Set<string>();
  readonly #suffixes = new Set<string>();
  readonly #longest: number;

  /** `specials`: the texts of the special tokens. Those of one character cannot be marked and stay special. */
  constructor(specials: readonly string[]) {
    const guarded = specials.filter((text) => [...text].length > 1);
    this.#longest = Math.max(0, ...guarded.map((text) => text.length));
    for (const text of guarded) {
      for (let i = 1; i < text.length; i++) {
        this.#prefixes.add(text.slice(0, i));
        this.#suffixes.add(text.slice(i));
      }
    }
    const source = guarded.map((text) => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")).join("|");
    this.#within = guarded.length === 0 ? null : new RegExp(`(?=${source}).`, "gsu");
  }

  /** @throws WeftError `invalid_request` when the contents use up every possible mark */
  guard(messages: readonly TemplateMessage[]): GuardedMessages {
    const contents = messages.flatMap(({ content, name }) => name ? [content, name] : [content]);
    const mark = NONCHARACTERS.find((mark) => !contents.some((text) => text.includes(mark)));
    if (mark === undefined) {
      throw new WeftError(
        "invalid_request",
        "Cannot render a chat whose contents hold all of U+FDD0 to U+FDEF: these are no characters",
        { param: "messages" },
      );
    }
    const guarded = messages.map((message) => {
      const copy = { ...message, content: this.#mark(message.content, mark) };
      if (copy.name !== undefined) copy.name = this.#mark(copy.name, mark);
      return copy;
    });
    return { messages: guarded, mark };
  }

  #mark(text: string, mark: string): string {
    if (this.#within === null) return text;
    let marked = text.replace(this.#within, (character) => character + mark);
    const start = marked.length - marked.trimStart().length;
    if (this.#borders(this.#suffixes, (n) => marked.slice(start, start + n))) {
      marked = marked.slice(0, start) + mark + marked.slice(start);
    }
    const end = marked.trimEnd().length;
    if (this.#borders(this.#prefixes, (n) => marked.slice(Math.max(0, end - n), end))) {
      marked = marked.slice(0, end) + mark + marked.slice(end);
    }
    return marked;
  }

  #borders(parts: ReadonlySet<string>, slice: (length: number) => string): boolean {
    for (let n = 1; n < this.#longest; n++) if (parts.has(slice(n))) return true;
    return false;
  }
}

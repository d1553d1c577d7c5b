import type { PreTrainedTokenizer } from "@huggingface/transformers";
import { WeftError } from "../core/errors.ts";

export interface EncodeOptions {
  /** Add what the tokenizer puts around a text, usually a beginning-of-text token (default true). */
  addSpecialTokens?: boolean;
  /**
   * Refuse a text that is surely longer than this, at a cost in proportion to `maxTokens` and not to
   * the text: tokenising megabytes blocks the thread for seconds.
   */
  maxTokens?: number;
}

/** Characters tokenised at a time to see whether a long text can fit. */
const SLICE = 16_384;
/** Tokens by which cutting a text may lengthen it, per cut: a cut special token or word. */
const SLACK = 64;

/** The pre-tokenizer of Hugging Face's tokenizers: a section of text between special tokens → its pieces. */
type PreTokenize = (text: string, options?: unknown) => string[];

/** Text → ids, by transformers' tokenizer. */
export class Encoder {
  readonly #tokenizer: PreTrainedTokenizer;
  /** Taken out of a text after it was split at special tokens (special_guard.ts); "" for nothing. */
  #mark = "";

  constructor(tokenizer: PreTrainedTokenizer) {
    this.#tokenizer = tokenizer;
    const inner = (tokenizer as unknown as { _tokenizer: { pre_tokenizer: PreTokenize | null } })
      ._tokenizer;
    const { pre_tokenizer: preTokenize } = inner;
    inner.pre_tokenizer = (text, options) => {
      const clean = this.#mark === "" ? text : text.replaceAll(this.#mark, "");
      return preTokenize === null ? [clean] : preTokenize(clean, options);
    };
  }

  /**
   * `mark`: a character that special_guard.ts placed.
   *
   * @throws WeftError `invalid_request` when the text is longer than `maxTokens`
   */
  encode(text: string, options: EncodeOptions & { mark?: string } = {}): Uint32Array<ArrayBuffer> {
    const { addSpecialTokens = true, maxTokens = Infinity, mark = "" } = options;
    const wellFormed = text.toWellFormed();
    this.#mark = mark;
    try {
      if (wellFormed.length > SLICE && Number.isFinite(maxTokens)) {
        this.#refuse(wellFormed, maxTokens);
      }
      const ids = this.#ids(wellFormed, addSpecialTokens);
      if (ids.length > maxTokens) throw tooLong(`${ids.length}`, maxTokens);
      return Uint32Array.from(ids);
    } finally {
      this.#mark = "";
    }
  }

  #ids(text: string, addSpecialTokens: boolean): number[] {
    return this.#tokenizer.encode(text, { add_special_tokens: addSpecialTokens });
  }

  #refuse(text: string, maxTokens: number): void {
    let atLeast = 0;
    for (let start = 0; start < text.length; start += SLICE) {
      const slice = text.slice(start, start + SLICE).toWellFormed();
      atLeast += this.#ids(slice, false).length - SLACK;
      if (atLeast > maxTokens) throw tooLong(`more than ${maxTokens}`, maxTokens);
    }
  }
}

function tooLong(count: string, maxTokens: number): WeftError {
  return new WeftError(
    "invalid_request",
    `Cannot take a prompt of ${count} tokens: at most ${maxTokens} fit`,
  );
}

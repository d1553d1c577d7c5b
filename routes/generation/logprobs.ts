import type { TokenLogprob } from "../../engine/core/generation.ts";
import type { TextTokenizer } from "../ports.ts";
import type { ShownToken } from "./choice.ts";

type Bytes = Pick<TextTokenizer, "tokenBytes">;

interface ChatLogprob {
  token: string;
  logprob: number;
  /** The token's UTF-8, which need not be whole characters; null where it has no text. */
  bytes: number[] | null;
}

/** Chat's shape: a list of tokens, each with its alternatives. */
export function chatLogprobs(tokens: readonly ShownToken[], tokenizer: Bytes): object {
  const entry = ({ token, logprob }: TokenLogprob): ChatLogprob => {
    const bytes = tokenizer.tokenBytes(token);
    return {
      token: lossyText(bytes),
      logprob: finite(logprob),
      bytes: bytes.length > 0 ? [...bytes] : null,
    };
  };
  return {
    content: tokens.map((token) => ({
      ...entry({ token: token.token, logprob: token.logprob ?? -Infinity }),
      top_logprobs: (token.topLogprobs ?? []).map(entry),
    })),
    refusal: null,
  };
}

/** Completions' shape: parallel lists. `offset` is where the choice's own text begins. */
export function completionLogprobs(
  tokens: readonly ShownToken[],
  options: { tokenizer: Bytes; offset: number },
): object {
  const { tokenizer, offset } = options;
  const name = (token: number) => exactText(tokenizer.tokenBytes(token));
  return {
    tokens: tokens.map(({ token }) => name(token)),
    token_logprobs: tokens.map(({ logprob }) => finite(logprob ?? -Infinity)),
    top_logprobs: tokens.map(({ topLogprobs }) =>
      Object.fromEntries(
        (topLogprobs ?? []).map(({ token, logprob }) => [name(token), finite(logprob)]),
      )
    ),
    text_offset: tokens.map(({ start }) => offset + start),
  };
}

/** JSON has no infinity; OpenAI writes this number for "impossible". */
function finite(logprob: number): number {
  return Number.isFinite(logprob) ? logprob : -9999;
}

function lossyText(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
}

/** The text, or where the bytes are no whole characters OpenAI's escape `bytes:\xe2\x82`. */
function exactText(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return "bytes:" + [...bytes].map((byte) => `\\x${byte.toString(16).padStart(2, "0")}`).join("");
  }
}

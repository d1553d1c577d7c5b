import { WeftError } from "../../engine/core/errors.ts";
import type { ChatMessage, Detokenizer, TextTokenizer } from "../../routes/mod.ts";

export const EOS = 256;
export const BOS = 257;
export const VOCAB_SIZE = 258;

/** A tokenizer whose tokens are UTF-8's bytes: every character beyond ASCII spans several. */
export class ByteTokenizer implements TextTokenizer {
  encode(text: string, { maxTokens }: { maxTokens: number }): Uint32Array {
    const tokens = Uint32Array.from(bytesOf(text));
    if (tokens.length > maxTokens) {
      throw new WeftError("invalid_request", `Cannot take a prompt of ${tokens.length} tokens`);
    }
    return tokens;
  }

  encodeTail(text: string, maxTokens: number): Uint32Array {
    return Uint32Array.from(bytesOf(text).slice(-maxTokens));
  }

  isSpecial(token: number): boolean {
    return token >= EOS;
  }

  encodeChat(
    messages: readonly ChatMessage[],
    options: { maxTokens: number },
  ): Promise<Uint32Array> {
    const turns = messages.map(({ role, content }) =>
      `<${role}>${
        Array.isArray(content) ? content.map((part) => part.text).join("") : content ?? ""
      }`
    );
    const text = turns.join("") + "<assistant>";
    return Promise.resolve(Uint32Array.from([BOS, ...this.encode(text, options)]));
  }

  decode(tokens: readonly number[]): string {
    return new TextDecoder().decode(Uint8Array.from(tokens));
  }

  detokenizer(): Detokenizer {
    const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
    return {
      push: (token) => decoder.decode(this.tokenBytes(token), { stream: true }),
      flush: () => decoder.decode(),
    };
  }

  tokenBytes(token: number): Uint8Array<ArrayBuffer> {
    return token < 256 ? Uint8Array.of(token) : new Uint8Array();
  }

  pauseTokensFor(stops: readonly string[]): readonly number[] {
    return stops.map((stop) => new TextEncoder().encode(stop).at(-1)!);
  }
}

export function bytesOf(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

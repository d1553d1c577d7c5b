import type { ChatTurn, Detokenizer, TextTokenizer } from "../../routes/mod.ts";

export const EOS = 256;
export const BOS = 257;
export const VOCAB_SIZE = 258;

/** A tokenizer whose tokens are UTF-8's bytes: every character beyond ASCII spans several. */
export class ByteTokenizer implements TextTokenizer {
  encode(text: string): Uint32Array {
    return Uint32Array.from(new TextEncoder().encode(text));
  }

  encodeChat(turns: readonly ChatTurn[]): Uint32Array {
    const text = turns.map(({ role, content }) => `<${role}>${content}`).join("") + "<assistant>";
    return Uint32Array.from([BOS, ...this.encode(text)]);
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

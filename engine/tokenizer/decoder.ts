import { WeftError } from "../core/errors.ts";

/** How one token's text becomes bytes, and what is cut from the start of the whole text. */
export interface DecoderPlan {
  /** Bytes of a token. `first`: nothing was decoded before it, also no prompt. */
  bytes(tokenText: string, first: boolean): Uint8Array;
  /** Up to `count` leading `char`s are cut from the decoded text (SentencePiece's leading space). */
  strip: { char: string; count: number };
}

/** A decoder as `tokenizer.json` spells it; only the fields that are read here. */
interface DecoderJson {
  type?: string;
  decoders?: DecoderJson[];
  pattern?: { String?: string };
  content?: string;
  start?: number;
  stop?: number;
  replacement?: string;
  prepend_scheme?: string;
  add_prefix_space?: boolean;
}

const SUPPORTED = "ByteLevel, Metaspace, or a Sequence of Replace (of a string), ByteFallback, " +
  "Metaspace, ByteLevel, Fuse and a final Strip of leading characters";

/**
 * Reads `tokenizer.json`'s decoder. Decoding is ours and not the library's because a stream needs it
 * token by token, because the library drops a leading U+FEFF, and because it is exact: the text of a
 * token list is the UTF-8 reading of its tokens' bytes, where each maximal ill-formed part becomes one
 * U+FFFD (WHATWG's and Rust's rule). Hugging Face's `ByteFallback` alone differs: it turns a whole run of byte
 * tokens into U+FFFD when any of it is ill-formed, which no stream could do without waiting for the run's end.
 *
 * @throws WeftError `unsupported` for a decoder that cannot be read token by token
 */
export function readDecoder(json: unknown): DecoderPlan {
  const steps = flatten(json as DecoderJson | null);
  const texts: ((text: string, first: boolean) => string)[] = [];
  const strip = { char: " ", count: 0 };
  let byteLevel = false;
  let byteFallback = false;
  let fused = false;
  for (const step of steps) {
    if (step.type === "Strip") {
      if (!fused || (step.stop ?? 0) > 0) throw unsupported(step);
      strip.char = step.content ?? " ";
      strip.count = step.start ?? 0;
      continue;
    }
    if (fused && step.type !== "Fuse") throw unsupported(step);
    if (step.type === "ByteLevel") byteLevel = true;
    else if (step.type === "ByteFallback") byteFallback = true;
    else if (step.type === "Fuse") fused = true;
    else if (step.type === "Replace") texts.push(replaceStep(step));
    else if (step.type === "Metaspace") texts.push(metaspaceStep(step));
    else throw unsupported(step);
  }
  if (steps.length === 0 || (byteLevel && byteFallback)) throw unsupported(json as DecoderJson);

  const encoder = new TextEncoder();
  return {
    strip,
    bytes(tokenText, first) {
      if (byteFallback) {
        const byte = fallbackByte(tokenText);
        if (byte !== null) return Uint8Array.of(byte);
      }
      let text = tokenText;
      for (const step of texts) text = step(text, first);
      return byteLevel ? byteLevelBytes(text) : encoder.encode(text);
    },
  };
}

function flatten(json: DecoderJson | null): DecoderJson[] {
  if (json === null || json === undefined) return [];
  return json.type === "Sequence" ? (json.decoders ?? []).flatMap(flatten) : [json];
}

function unsupported(step: DecoderJson | null): WeftError {
  return new WeftError(
    "unsupported",
    `Cannot use the tokenizer's decoder ${JSON.stringify(step)}: supported are ${SUPPORTED}`,
  );
}

function replaceStep(step: DecoderJson): (text: string) => string {
  const pattern = step.pattern?.String;
  if (pattern === undefined || pattern === "") throw unsupported(step);
  return (text) => text.replaceAll(pattern, () => step.content ?? "");
}

/** The first token loses its ▁ (all of them, as in Rust); every other ▁ is a space. */
function metaspaceStep(step: DecoderJson): (text: string, first: boolean) => string {
  const mark = step.replacement ?? "▁";
  const prepends = step.prepend_scheme !== undefined
    ? step.prepend_scheme !== "never"
    : step.add_prefix_space !== false;
  return (text, first) => text.replaceAll(mark, first && prepends ? "" : " ");
}

/** The byte of `<0xNN>`, or null for any other token. */
function fallbackByte(text: string): number | null {
  const match = text.length === 6 ? /^<0x([0-9A-Fa-f]{2})>$/.exec(text) : null;
  return match === null ? null : parseInt(match[1], 16);
}

/** GPT-2's printable stand-ins for bytes, by code unit; −1 for a character that is none. */
const BYTE_OF_UNIT: Int16Array = byteAlphabet();

/** Bytes that print stand for themselves, the rest for U+0100 onwards in order. */
function byteAlphabet(): Int16Array {
  const units = new Int16Array(0x144).fill(-1);
  let next = 0x100;
  for (let byte = 0; byte < 256; byte++) {
    const prints = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    units[prints ? byte : next++] = byte;
  }
  return units;
}

/** A token with a character outside the alphabet (an added token with a space) is plain text. */
function byteLevelBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) {
    const byte = BYTE_OF_UNIT[text.charCodeAt(i)] ?? -1;
    if (byte < 0) return new TextEncoder().encode(text);
    bytes[i] = byte;
  }
  return bytes;
}

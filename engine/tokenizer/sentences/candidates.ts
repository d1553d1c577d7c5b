import type { TokenTable } from "../../core/token_table.ts";
import { ENDERS, Kind, kindOf } from "./characters.ts";
import { SentenceSplitter } from "./splitter.ts";
import { bytesOf } from "./token_text.ts";

/**
 * Texts before a token in which its enders are most likely ends: behind a word nothing is an abbreviation or a list's
 * number. The rest are here for a text's start, open quotation marks and scripts.
 */
const CONTEXTS: readonly string[] = ["", "word", "word ", "« word", "» word", "文", "7"];

/**
 * The tokens behind which a sentence may have ended: where a burst of generated tokens has to pause, so that the host
 * may look at the text. While the splitter says `inside`, no other token makes it say anything else or begins a
 * sentence; behind a candidate the host looks at every token until it says `inside` again.
 *
 * A token that only ends within itself ("3.14", " e.g.") is none. Ascending ids.
 */
export function sentenceCandidates(table: TokenTable): Uint32Array<ArrayBuffer> {
  const found: number[] = [];
  for (let token = 0; token < table.ends.length; token++) {
    if (textsOf(bytesOf(table, token)).some(mayEnd)) found.push(token);
  }
  return Uint32Array.from(found);
}

const ENDER_BYTES = ENDERS.map((ender) => ({ ender, bytes: new TextEncoder().encode(ender) }));

/** What a token's bytes can mean: alone, and as the rest of an ender whose first bytes an earlier token had. */
function textsOf(bytes: Uint8Array): string[] {
  if (bytes.length === 0) return [];
  const texts = [wholeCharacters(bytes)];
  if ((bytes[0] & 0xc0) !== 0x80) return texts;
  for (const { ender, bytes: whole } of ENDER_BYTES) {
    for (let had = 1; had < whole.length; had++) {
      const rest = whole.subarray(had);
      if (rest.length > bytes.length || rest.some((byte, i) => byte !== bytes[i])) continue;
      texts.push(ender + wholeCharacters(bytes.subarray(rest.length)));
    }
  }
  return texts;
}

/** A character that is cut off at the end is not there yet. */
function wholeCharacters(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes, { stream: true });
}

const HAS_ENDER = new RegExp(
  `[${ENDERS.map((ender) => `\\u{${ender.codePointAt(0)!.toString(16)}}`).join("")}]`,
  "u",
);

function mayEnd(text: string): boolean {
  if (!HAS_ENDER.test(text)) return false;
  if (CONTEXTS.some((context) => endsBehind(context, text))) return true;
  // Any of its dots may be an abbreviation's, and then no part of what comes next: `.)? a` behind "e.g".
  for (let i = 0; i + 1 < text.length; i++) {
    if (kindOf(text.charCodeAt(i)) !== Kind.DOT) continue;
    const goesOn = kindOf(text.charCodeAt(i + 1)) === Kind.OTHER;
    if (!goesOn && endsBehind("e.g.", text.slice(i + 1))) return true;
  }
  return false;
}

function endsBehind(context: string, text: string): boolean {
  const splitter = new SentenceSplitter();
  splitter.push(context);
  const { state, starts } = splitter.push(text);
  return state !== "inside" || starts.length > 0;
}

import { type AbbreviationKind, ABBREVIATIONS } from "./abbreviations.ts";
import { isDigit, isLetter, isLower } from "./characters.ts";
import { DAY_OF_MONTH, type NextWord, ORDINAL, PAGE, SECOND_HALF, STARTER } from "./next_word.ts";

/** What must stand behind a full stop and its space for a sentence to end there; `plain`: anything. */
export type FullStopRule =
  | "plain"
  | Exclude<AbbreviationKind, "starter">
  | NextWord;

/** A full stop and what stands before it. */
export interface FullStop {
  /** The units before it, `LOOK_BACK` at most. */
  left: string;
  /** How many units its sentence has had so far. */
  sentenceLength: number;
  /** Where that sentence began: with the text, on a new line, or behind another on its line. */
  began: "text" | "line" | "sentence";
  /** The number of the last item of a list in this text, 0 before any. */
  listNumber: number;
}

/** Units before a full stop that may matter. */
export const LOOK_BACK = 40;

/** What to look for behind a full stop; `listNumber` is set when it makes an item's number of what stands before it. */
export function fullStopRule(stop: FullStop): { rule: FullStopRule; listNumber?: number } {
  const word = lastWord(stop.left);
  if (word === "") return { rule: "plain" };
  if (isDigit(word.charCodeAt(word.length - 1))) return numberRule(word, stop);
  const known = ABBREVIATIONS.get(word);
  if (known !== undefined) return { rule: known === "starter" ? STARTER : known };
  if (stop.began === "line" && sentenceBefore(stop) === word) {
    if (/^(?:\p{Ll}|\p{Lu}|[IVX]+)$/u.test(word)) return { rule: "never" };
  }
  const before = stop.left.slice(0, stop.left.length - word.length);
  if (word.length <= 3 && /(?:^|[^\p{L}\p{N}])\p{L}\. $/u.test(before)) {
    if (ABBREVIATIONS.get(`${before.at(-3)}.${word}`) === "never") return { rule: "never" };
  }
  if (word.length === 1) return { rule: letterRule(word, before) };
  return { rule: /^(?:\p{L}\.)+\p{L}$/u.test(word) ? STARTER : "plain" };
}

/** Letters, digits and inner dots at the end of `left`. */
function lastWord(left: string): string {
  let start = left.length;
  while (start > 0) {
    const unit = left.charCodeAt(start - 1);
    if (!isLetter(unit) && !isDigit(unit) && unit !== 0x2e) break;
    start--;
  }
  while (start < left.length && left.charCodeAt(start) === 0x2e) start++;
  return left.slice(start);
}

/** All that the sentence has before the full stop, without leading markup; "" when that is long. */
function sentenceBefore({ left, sentenceLength }: FullStop): string {
  if (sentenceLength > left.length) return "";
  return left.slice(left.length - sentenceLength).replace(/^(?:[*_#>\s]|- )+/, "");
}

/** "J." before a name, "z." before "B."; but "you and I." and "vitamin c." end sentences. */
function letterRule(letter: string, before: string): FullStopRule {
  if (isLower(letter.charCodeAt(0))) return letter === "p" ? PAGE : SECOND_HALF;
  const pronoun = letter === "I" && isLower(before.charCodeAt(before.length - 2));
  return pronoun ? "plain" : STARTER;
}

const LABEL =
  /^(?:Step|Question|Part|Chapter|Section|Phase|Exercise|Example|Task|Schritt|Frage|Teil|Kapitel|Aufgabe|Étape|Partie|Paso|Pregunta|Parte) \d+$/;
const DETERMINER = /(?:^|[^\p{L}])(?:der|dem|den|des|im|vom|zum|beim|bis|die|das) $/iu;
const AM = /(?:^|[^\p{L}])am $/iu;

/** Numbers of list items ("1. First") and German ordinals ("der 3. Mann"); any other number ends as a word does. */
function numberRule(word: string, stop: FullStop): { rule: FullStopRule; listNumber?: number } {
  const { left, began } = stop;
  const sentence = sentenceBefore(stop);
  if (sentence === word) {
    const outline = /^\d{1,3}(?:\.\d{1,3})*$/.test(word);
    const number = outline && !word.includes(".") ? Number(word) : Infinity;
    const isItem = number === stop.listNumber + 1 && stop.listNumber > 0 ||
      (began === "line" ? outline : began === "text" && number <= 1);
    if (isItem) {
      return { rule: "never", listNumber: number === Infinity ? stop.listNumber : number };
    }
  } else if (LABEL.test(sentence)) {
    return { rule: "never" };
  }
  if (word.length > 3 || !/^\d+$/.test(word)) return { rule: "plain" };
  const before = left.slice(0, left.length - word.length);
  if (word === "1" && /: $/.test(before)) return { rule: "never", listNumber: 1 };
  if (DETERMINER.test(before)) return { rule: "never" };
  return { rule: AM.test(before) ? DAY_OF_MONTH : ORDINAL };
}

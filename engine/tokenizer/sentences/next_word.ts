import { isDigit } from "./characters.ts";

/** A question about the word behind a full stop, put letter by letter. */
export interface NextWord {
  /** Whether a word that begins with these letters may still match. */
  may(letters: string): boolean;
  /** Whether the whole word matches; `terminator` is the unit behind it, −1 at the end of the text. */
  matches(word: string, terminator: number): boolean;
  /** What a match says: that a sentence ended before the word, or that none did. */
  matchEnds: boolean;
}

/** Behind an initial or "U.S.": a capital letter says nothing, but these words begin sentences. */
export const STARTER: NextWord = oneOf(
  `The This That These Those There Then They He She It We You A An In On At As For From With By To But And Or So
  If When While What Who Why How Where Which My Our His Her Its Their Your However Also After Before Since Because
  Although Not No Yes Is Are Was Were Do Does Did Can Could Will Would Should Please Let Once Now Today Meanwhile
  Many Most Some All Each Both One Another Finally First Second Next Later Here Thus Therefore
  Der Die Er Sie Es Wir Ich Dann Aber Danach Il Elle Nous Ils Elles Mais Puis Ella Pero Luego`,
  { matchEnds: true, inSentence: true },
);

const MONTHS = "Januar Jänner Februar Feber März Mai Juni Juli Oktober Dezember";

/** Behind a number: "3. Oktober". Only what is no English month, since "12. August." may be two answers. */
export const ORDINAL: NextWord = oneOf(
  `${MONTHS} Jahrhundert Jahrhunderts Jahrhunderte Jahrhunderten Jh Jahrtausend Weltkrieg Weltkriegs Bundesliga Klasse`,
  { matchEnds: false, inSentence: false },
);

/** Behind a number after "am", which is a German preposition or an English verb. */
export const DAY_OF_MONTH: NextWord = oneOf(
  `${MONTHS} April August September November Tag`,
  { matchEnds: false, inSentence: false },
);

/** Behind a single small letter: the second half of "z. B.", "d. h.", "p. ex.", "v. Chr.". */
export const SECOND_HALF: NextWord = {
  may: (letters) => letters.length === 1 || ["ex", "ej", "C", "Ch", "Chr"].includes(letters),
  matches: (word, terminator) =>
    terminator === 0x2e && (word.length === 1 || ["ex", "ej", "Chr"].includes(word)),
  matchEnds: false,
};

/** Behind "p.": "p. ex." and "p. ej." as above, and a page's number. */
export const PAGE: NextWord = {
  ...SECOND_HALF,
  matches: (word, terminator) =>
    word === "" ? isDigit(terminator) : SECOND_HALF.matches(word, terminator),
};

/** `inSentence`: the sentence goes on with a space or an apostrophe; "X. He, Y. Li" are names. */
function oneOf(list: string, options: { matchEnds: boolean; inSentence: boolean }): NextWord {
  const words = new Set(list.split(/\s+/));
  const beginnings = new Set<string>();
  for (const word of words) {
    for (let length = 1; length <= word.length; length++) beginnings.add(word.slice(0, length));
  }
  return {
    may: (letters) => beginnings.has(letters),
    matches: (word, terminator) =>
      words.has(word) && (!options.inSentence || GOES_ON.includes(terminator)),
    matchEnds: options.matchEnds,
  };
}

/** End of text, space, no-break space, both apostrophes. */
const GOES_ON: readonly number[] = [-1, 0x20, 0xa0, 0x27, 0x2019];

const ASCII = 128;

/** ASCII membership by character code; module names hold nothing else. */
export type CharSet = Uint8Array;

/** No character. */
export const NOTHING = new Uint8Array(ASCII);
/** By character code, the set of that character alone. */
export const LITERALS = Array.from(
  { length: ASCII },
  (_, literal) => charSet((code) => code === literal),
);
export const DIGITS = charSet(isDigit);
export const SPACES = charSet((code) =>
  code === 32 || (code >= 9 && code <= 13) || (code >= 28 && code <= 31)
);
export const WORD = charSet((code) => isDigit(code) || isLetter(code) || code === 95);
export const ALL_BUT_NEWLINE = charSet((code) => code !== 10);

/** The characters from the first to the last code, with both cases of letters if asked. */
export function charRange(
  first: number,
  last: number,
  { ignoreCase }: { ignoreCase: boolean },
): CharSet {
  const set = new Uint8Array(ASCII);
  for (let code = first; code <= Math.min(last, ASCII - 1); code++) {
    set[code] = 1;
    if (ignoreCase && isLetter(code)) set[code ^ 0x20] = 1;
  }
  return set;
}

export function union(sets: readonly CharSet[]): CharSet {
  return Uint8Array.from(
    { length: ASCII },
    (_, code) => Number(sets.some((set) => set[code] === 1)),
  );
}

function charSet(isIn: (code: number) => boolean): CharSet {
  return Uint8Array.from({ length: ASCII }, (_, code) => isIn(code) ? 1 : 0);
}

function isDigit(code: number): boolean {
  return code >= 48 && code <= 57;
}

function isLetter(code: number): boolean {
  return (code >= 65 && code <= 90) || (code >= 97 && code <= 122);
}

export function inverted(set: CharSet): CharSet {
  return set.map((isIn) => 1 - isIn);
}

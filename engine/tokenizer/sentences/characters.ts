/** What a UTF-16 code unit can mean for the end of a sentence. Everything from `NEWLINE` on stops the scan. */
export const Kind = {
  OTHER: 0,
  SPACE: 1,
  /** Goes on with the sentence, whatever stands before: a comma, a semicolon, a colon. */
  COMMA: 2,
  /** Opens a quotation or bracket. */
  OPENER: 3,
  /** Closes one, also behind a space. */
  CLOSER: 4,
  /** Closes right behind a word, opens behind a space: straight quotes, and those that languages turn around. */
  QUOTE: 5,
  NEWLINE: 6,
  /** A full stop that is also a decimal point, an abbreviation's dot, a part of a name. */
  DOT: 7,
  /** `!` and `?` and their like. */
  STRONG: 8,
  ELLIPSIS: 9,
  /** Full-width enders: never part of a name or number, no space behind them needed. */
  WIDE: 10,
  LEFT_GUILLEMET: 11,
  RIGHT_GUILLEMET: 12,
} as const;

const MEMBERS: readonly (readonly [number, string])[] = [
  [
    Kind.SPACE,
    " \t\v\f\u00a0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\ufeff",
  ],
  [Kind.COMMA, ",;:،؛，、；："],
  [Kind.OPENER, "([{¿¡‹〈《「『【（〔［｛｢"],
  [Kind.CLOSER, ")]}›〉》」』】）〕］｝｣"],
  [Kind.QUOTE, "\"'`*_~‘’‚“”„"],
  [Kind.NEWLINE, "\n\r\u0085\u2028\u2029"],
  [Kind.DOT, ".．۔"],
  [Kind.STRONG, "!?‼⁇⁈⁉؟"],
  [Kind.ELLIPSIS, "…"],
  [Kind.WIDE, "。！？｡।॥"],
  [Kind.LEFT_GUILLEMET, "«"],
  [Kind.RIGHT_GUILLEMET, "»"],
];

const KINDS = kindTable();

function kindTable(): Uint8Array {
  const kinds = new Uint8Array(0x10000);
  for (const [kind, members] of MEMBERS) {
    for (let i = 0; i < members.length; i++) kinds[members.charCodeAt(i)] = kind;
  }
  return kinds;
}

/** One of `Kind`'s values. */
export function kindOf(unit: number): number {
  return KINDS[unit];
}

/** The first index from `start` on whose unit stops the scan inside a sentence, or the text's length. */
export function nextStop(text: string, start: number): number {
  for (let i = start; i < text.length; i++) {
    if (KINDS[text.charCodeAt(i)] >= Kind.NEWLINE) return i;
  }
  return text.length;
}

/** Every character that can end a sentence. */
export const ENDERS: readonly string[] = MEMBERS
  .filter(([kind]) => kind >= Kind.NEWLINE && kind <= Kind.WIDE)
  .flatMap(([, members]) => [...members]);

export function isDigit(unit: number): boolean {
  return (unit >= 0x30 && unit <= 0x39) || (unit >= 0xff10 && unit <= 0xff19);
}

/** A letter, or a mark or half of a pair, which stand in words as well. */
export function isLetter(unit: number): boolean {
  if (unit < 0x80) return (unit | 0x20) >= 0x61 && (unit | 0x20) <= 0x7a;
  return KINDS[unit] === Kind.OTHER && unit >= 0xaa && !(unit >= 0x2010 && unit < 0x2c00);
}

export function isLower(unit: number): boolean {
  if (unit < 0x80) return unit >= 0x61 && unit <= 0x7a;
  const char = String.fromCharCode(unit);
  return char !== char.toUpperCase() && char === char.toLowerCase();
}

export function isUpper(unit: number): boolean {
  if (unit < 0x80) return unit >= 0x41 && unit <= 0x5a;
  const char = String.fromCharCode(unit);
  return char !== char.toLowerCase() && char === char.toUpperCase();
}

/** Scripts that put no space between sentences: Chinese, Japanese (Hangul does, and harms nothing here). */
export function isIdeographic(unit: number): boolean {
  return (unit >= 0x2e80 && unit <= 0xd7af && KINDS[unit] === Kind.OTHER) ||
    (unit >= 0xd840 && unit <= 0xd888) || (unit >= 0xf900 && unit <= 0xfaff) ||
    (unit >= 0xff66 && unit <= 0xff9d);
}

/** An operator's character, as code has it between spaces. */
export function isOperator(unit: number): boolean {
  return unit > 0x20 && unit < 0x7f && "#$%&+-/<=>@\\^|".includes(String.fromCharCode(unit));
}

export function isDash(unit: number): boolean {
  return unit === 0x2d || (unit >= 0x2010 && unit <= 0x2015);
}

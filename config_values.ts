/** The kinds of values that flags take: what is allowed, and how its text is read. */
export interface Kind<T> {
  /** What is allowed, after "expected". */
  expected: string;
  /** The value, or undefined where the text is not allowed. */
  read(text: string): T | undefined;
  /** Errors must not quote it. */
  secret?: boolean;
}

export const text: Kind<string> = {
  expected: "a text that is not empty",
  read: (text) => text.trim() === "" ? undefined : text,
};

export function integer(least: number, most: number): Kind<number> {
  return {
    expected: `an integer from ${least} to ${most}`,
    read(text) {
      const number = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
      return number >= least && number <= most ? number : undefined;
    },
  };
}

export function oneOf<T extends string>(allowed: readonly T[]): Kind<T> {
  return {
    expected: `one of ${allowed.join(", ")}`,
    read: (text) => allowed.find((entry) => entry === text),
  };
}

export const onOrOff: Kind<boolean> = {
  expected: "true, false, 1 or 0",
  read: (text) => ({ true: true, 1: true, false: false, 0: false })[text],
};

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  ...{ kb: 1e3, mb: 1e6, gb: 1e9 },
  ...{ kib: 2 ** 10, mib: 2 ** 20, gib: 2 ** 30 },
};

/** A size in bytes. */
export const byteSize: Kind<number> = {
  expected: "a size above 0 in B, KB, MB, GB, KiB, MiB or GiB, such as 512MiB",
  read(text) {
    const [, number, unit] = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text) ?? [];
    const bytes = Math.floor(Number(number) * (UNITS[unit?.toLowerCase()] ?? NaN));
    return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
  },
};

export const apiKey: Kind<string> = {
  expected: "a key of printable characters without spaces",
  read: (text) => /^[\x21-\x7e]+$/.test(text) ? text : undefined,
  secret: true,
};

export const origin: Kind<string> = {
  expected: 'an origin such as https://example.org, or "*"',
  read: (text) =>
    text === "*" || (URL.canParse(text) && new URL(text).origin === text) ? text : undefined,
};

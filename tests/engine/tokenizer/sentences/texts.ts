import fc from "fast-check";
import { CASES } from "./cases.ts";

/** Pieces that meet at every rule's edges. */
const PIECES = [
  ..." \n\r\t.!?…。！？．|,;:、-—'\"*_()[]{}«»„“”‘’「」¿¡".split(""),
  ..."aAbBzTIJ015xX文のと界éÉßя🙂".split(/(?:)/u),
  ...[
    "\ud83d",
    "\ude42",
    "\u00a0",
    "\u3000",
    "\u2028",
    "...",
    ". ",
    "? ",
    ".\n",
    '." ',
    "! »",
    ".[1]",
  ],
  ...[
    "Dr.",
    "e.g.",
    "z. B.",
    "U.S. ",
    "No. ",
    "etc. ",
    "Inc. ",
    "J. ",
    "p. ",
    "am 3. ",
    "1. ",
    "2. ",
  ],
  ...[
    "The",
    "Th",
    "word",
    "Oktober",
    "Okt",
    "Chr",
    "Step ",
    ".NET",
    "3.14",
    "a.b",
    "word. ",
    "Word. The ",
  ],
];

/** Texts with ends and near-ends everywhere, not always well-formed. */
export const hardText: fc.Arbitrary<string> = fc
  .array(
    fc.oneof({ weight: 8, arbitrary: fc.constantFrom(...PIECES) }, fc.string({ maxLength: 3 })),
    {
      maxLength: 30,
    },
  )
  .map((pieces) => pieces.join(""));

/** Every case as plain text. */
export const CASE_TEXTS: readonly string[] = Object.values(CASES).flat().map((marked) =>
  marked.replaceAll("¦", "")
);

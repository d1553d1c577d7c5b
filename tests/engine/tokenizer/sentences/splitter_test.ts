import assert from "node:assert/strict";
import fc from "fast-check";
import { SentenceSplitter, splitSentences } from "../../../../engine/tokenizer/sentences/mod.ts";
import { CASE_TEXTS, hardText } from "./texts.ts";

function startsOf(pieces: Iterable<string>): number[] {
  const splitter = new SentenceSplitter();
  const starts = [...pieces].flatMap((piece) => splitter.push(piece).starts);
  return [...starts, ...splitter.end()];
}

/** Cuts a text (or bytes) after the given shares of its length. */
function cut<T extends { slice(start: number, end: number): T; length: number }>(
  whole: T,
  shares: readonly number[],
): T[] {
  const places = shares.map((share) => Math.round(share * whole.length)).sort((a, b) => a - b);
  return [0, ...places].map((start, i) => whole.slice(start, places[i] ?? whole.length));
}

const shares = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 40 });

Deno.test("sentences do not depend on where the text is cut", () => {
  fc.assert(
    fc.property(fc.oneof(hardText, fc.constantFrom(...CASE_TEXTS)), shares, (text, shares) => {
      const whole = startsOf([text]);
      assert.deepEqual(startsOf(cut(text, shares)), whole);
      assert.deepEqual(startsOf(text.split("")), whole);
    }),
    { numRuns: 4000 },
  );
});

Deno.test("sentences do not depend on where the text's bytes are cut", () => {
  fc.assert(
    fc.property(hardText.map((text) => text.toWellFormed()), shares, (text, shares) => {
      const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });
      const pieces = cut(new TextEncoder().encode(text), shares)
        .map((bytes) => utf8.decode(bytes, { stream: true }));
      assert.deepEqual(startsOf(pieces), startsOf([text]));
    }),
    { numRuns: 1000 },
  );
});

Deno.test("sentences are the text, each character once, and begin with something visible", () => {
  fc.assert(
    fc.property(hardText, (text) => {
      const spans = splitSentences(text);
      assert.equal(spans.map(({ start, end }) => text.slice(start, end)).join(""), text);
      spans.forEach(({ start, end }, i) => {
        assert.ok(start < end);
        assert.equal(start, i === 0 ? 0 : spans[i - 1].end);
        if (i > 0) assert.match(text[start], /\S/);
      });
    }),
    { numRuns: 2000 },
  );
});

Deno.test("a text without visible characters is one sentence, no text is none", () => {
  assert.deepEqual(splitSentences(""), []);
  assert.deepEqual(splitSentences(" \n\n "), [{ start: 0, end: 4 }]);
  assert.deepEqual(startsOf([]), []);
});

const STATES: readonly [string, string][] = [
  ["", "inside"],
  ["\n ", "inside"],
  ["It rained", "inside"],
  ["It rained.", "undecided"],
  ["It rained. ", "undecided"],
  ["It rained.)", "undecided"],
  ["It rained. W", "inside"],
  ["It rained\n", "ended"],
  ["It rained. \n", "ended"],
  ["It rained\n\n \n", "ended"],
  ["It rained\nW", "inside"],
  ["Dr.", "inside"],
  ["e.", "undecided"],
  ["e.g.", "inside"],
  ["Dr.\n", "ended"],
  ["1.", "inside"],
  ["It is 3.", "undecided"],
  ["It is 3.1", "inside"],
  ["weft.t", "inside"],
  ["Wait...", "undecided"],
  ["Wait... w", "inside"],
  ["In the U.S. ", "undecided"],
  ["In the U.S. Th", "undecided"],
  ["In the U.S. Thr", "inside"],
  ["In the U.S. The", "undecided"],
  ["In the U.S. A", "undecided"],
  ["In the U.S. Arm", "inside"],
  ["In the U.S. The ", "inside"],
  ["See No. ", "undecided"],
  ["好。", "undecided"],
  ["好。我", "inside"],
];

for (const [text, state] of STATES) {
  Deno.test(`after ${JSON.stringify(text)} the splitter is ${state}`, () => {
    const splitter = new SentenceSplitter();
    assert.equal(splitter.push(text).state, state);
    assert.equal(splitter.state, state);
  });
}

Deno.test("a sentence's start is told with the piece that settles it", () => {
  const splitter = new SentenceSplitter();
  const told = [
    "It",
    " is",
    ".",
    " T",
    "rue",
    " in the U.S.",
    " (",
    "The",
    " U.S.)",
    "\n",
    "\n",
    " x",
  ]
    .map((piece) => splitter.push(piece).starts);
  assert.deepEqual(
    told,
    [[], [], [], [7], [], [], [], [], [24], [], [], [37]],
  );
});

Deno.test("the end of the text settles what a word would have", () => {
  assert.deepEqual(startsOf(["He left the U.S. It"]), [17]);
  assert.deepEqual(startsOf(["He left the U.S. Ita"]), []);
  assert.deepEqual(startsOf(["He left the U.S. "]), []);
  assert.deepEqual(startsOf(['Wait... "']), []);
});

/** Words that some full stop asks for, one for each letter that begins such a word. */
const WORDS =
  "An But Can Do Each For He It Juli Klasse Let My No One Please Sie The Ubi Von Will You Zuerst " +
  "Bundesliga Januar Jänner April Dezember Feber März November Oktober September Tag Weltkrieg Jahrhundert Pero Luego Next Ella Ich Aber Puis";

/** What settles every question, one way or the other. */
const CONTINUATIONS = [
  ..."Zebra| Zebra|x| x| 5|5|,|、x| (Zebra| (x| (5|1] Zebra|] Zebra|] x|1] The x|] The x| — x| + x"
    .split("|"),
  ..."B. x| B. x|. x|. Zebra|Chr. x|hr. x|r. x|ej. x|ex. x|j. x".split("|"),
  ...` ${WORDS}`.split(" ").flatMap((word) =>
    Array.from(word, (_, i) => [`${word.slice(i)} x`, ` ${word.slice(i)} x`]).flat()
  ),
];

/** Whether a sentence that `text` may have ended did so, if `more` follows. */
function endsWith(text: string, more: string): boolean {
  const known = new SentenceSplitter().push(text).starts;
  // Behind an ender of its own only what begins with `more` itself counts.
  const last = more.includes(".") ? text.length + more.search(/\S/) : Infinity;
  return startsOf([text + more]).slice(known.length).some((start) => start <= last);
}

Deno.test("undecided, inside and ended mean what they say for everything that may follow", () => {
  let undecided = 0;
  fc.assert(
    fc.property(hardText, (text) => {
      const { state } = new SentenceSplitter().push(text);
      const outcomes = new Set(CONTINUATIONS.map((more) => endsWith(text, more)));
      if (state === "undecided") undecided++;
      const expected = { inside: [false], ended: [true], undecided: [false, true] }[state];
      assert.deepEqual([...outcomes].sort(), expected, state);
    }),
    { numRuns: 1000 },
  );
  assert.ok(undecided > 100, `only ${undecided} texts were undecided`);
});

const HOSTILE = [
  ".",
  ". ",
  "...",
  "a.",
  "J. ",
  "1. ",
  "?!",
  ".[",
  ".[1",
  '."',
  " ",
  "\n",
  "« ",
  ". (",
  "e.g. ",
  "U.S. Th",
];

Deno.test("hostile texts take linear time", () => {
  for (const unit of HOSTILE) {
    const text = unit.repeat(Math.ceil(400_000 / unit.length));
    const started = performance.now();
    splitSentences(text);
    const first = performance.now() - started;
    // A quadratic walk over 400,000 units would take minutes.
    assert.ok(first < 5000, `${JSON.stringify(unit)}: ${first} ms`);
  }
});

import assert from "node:assert/strict";
import fc from "fast-check";
import {
  sentenceCandidates,
  SentenceSplitter,
  splitSentences,
  type TokenTable,
  tokenTable,
  TokenText,
} from "../../../../engine/tokenizer/sentences/mod.ts";
import { demoDirectory, fixtureDirectory, STYLES, withTokenizer } from "../fixtures.ts";
import { CASE_TEXTS, hardText } from "./texts.ts";

const utf8 = new TextEncoder();

/** A vocabulary of exactly these tokens. */
function tableOf(tokens: readonly (string | Uint8Array)[]): TokenTable {
  return tokenTable({
    vocabSize: tokens.length,
    tokenBytes: (token) => {
      const piece = tokens[token];
      return typeof piece === "string" ? utf8.encode(piece) : piece;
    },
    isSpecial: () => false,
  });
}

/** Every byte a token, and nothing else. */
const BYTES = tableOf(Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte)));

/**
 * The engine's walk: it looks at the text behind a candidate, and behind every token until the splitter is `inside`.
 * Nothing may happen in the splitter behind a token that it does not look at. Returns how many sentences began.
 */
function walk(
  { table, candidates }: { table: TokenTable; candidates: ReadonlySet<number> },
  tokens: Iterable<number>,
): number {
  const text = new TokenText(table);
  const splitter = new SentenceSplitter();
  let looking = false;
  let begun = 0;
  for (const token of tokens) {
    looking ||= candidates.has(token);
    const { state, starts } = splitter.push(text.push(token));
    const name = `token ${token} ${JSON.stringify(textOf(table, token))}`;
    assert.ok(looking || (state === "inside" && starts.length === 0), `${name} is missing`);
    looking = state !== "inside";
    begun += starts.length;
  }
  return begun;
}

function textOf(table: TokenTable, token: number): string {
  const text = new TokenText(table);
  return text.push(token) + text.flush();
}

/** Random walks over a vocabulary, most of their tokens from those that have something of an end in them. */
function assertNothingMissed(table: TokenTable, numRuns: number): void {
  const candidates = new Set(sentenceCandidates(table));
  const all = Array.from({ length: table.ends.length }, (_, token) => token);
  const like = (pattern: RegExp) =>
    fc.constantFrom(...all.filter((token) => pattern.test(textOf(table, token))));
  const token = fc.oneof(
    fc.constantFrom(...candidates),
    like(/^\s/),
    like(/[^\p{L}\p{N} ]|^ ?\p{Lu}/u),
    fc.nat(all.length - 1),
  );
  let begun = 0;
  fc.assert(
    fc.property(fc.array(token, { minLength: 10, maxLength: 60 }), (tokens) => {
      begun += walk({ table, candidates }, tokens);
    }),
    { numRuns },
  );
  assert.ok(begun > numRuns / 4, `only ${begun} sentences in ${numRuns} walks`);
}

Deno.test("single bytes: no end is missed, and only last bytes of enders pause", () => {
  assertNothingMissed(BYTES, 3000);
  const candidates = [...sentenceCandidates(BYTES)];
  const enders = [..."\n\r\u0085\u2028\u2029.．۔!?‼⁇⁈⁉؟…。！？｡।॥"];
  const last = enders.map((ender) => utf8.encode(ender).at(-1)!);
  const rest = enders.flatMap((ender) => [...utf8.encode(ender).subarray(1)]);
  for (const byte of last) assert.ok(candidates.includes(byte), `byte ${byte}`);
  for (const byte of candidates) assert.ok(byte < 0x80 ? last.includes(byte) : rest.includes(byte));
});

for (const style of STYLES) {
  Deno.test(`${style}: no end is missed`, async () => {
    await withTokenizer(fixtureDirectory(style), (tokenizer) => {
      assertNothingMissed(tokenTable(tokenizer), 800);
    });
  });
}

Deno.test("any vocabulary: no end is missed", () => {
  const bytes = fc.uint8Array({ minLength: 1, maxLength: 4 });
  const token = fc.oneof(hardText.filter((text) => text !== ""), bytes);
  const walks = fc.array(token, { minLength: 1, maxLength: 12 }).chain((tokens) =>
    fc.tuple(fc.constant(tokens), fc.array(fc.nat(tokens.length - 1), { maxLength: 30 }))
  );
  fc.assert(
    fc.property(walks, ([tokens, ids]) => {
      const table = tableOf(tokens);
      walk({ table, candidates: new Set(sentenceCandidates(table)) }, ids);
    }),
    { numRuns: 1500 },
  );
});

Deno.test("a text cut into tokens anywhere gives its sentences, and no end is missed", () => {
  const text = fc.oneof(
    fc.constantFrom(...CASE_TEXTS),
    hardText.map((text) => text.toWellFormed()),
  );
  const lengths = fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(text, lengths, (text, lengths) => {
      const bytes = utf8.encode(text);
      const tokens: Uint8Array[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) {
        const length = lengths[i % lengths.length];
        tokens.push(bytes.slice(at, at + length));
        at += length;
      }
      const table = tableOf(tokens);
      const candidates = new Set(sentenceCandidates(table));
      const begun = walk({ table, candidates }, tokens.keys());
      const splitter = new SentenceSplitter();
      assert.equal(begun, splitter.push(text).starts.length);
      assert.equal(begun + splitter.end().length, Math.max(0, splitSentences(text).length - 1));
    }),
    { numRuns: 1500 },
  );
});

const PAUSES = [
  ".",
  ".\n",
  '."',
  " a.",
  "!",
  "?",
  "...",
  "…",
  "\n",
  "\n\n",
  "。",
  "好。",
  "。好",
  ". The",
  "?)",
  " U.S.",
  // Behind "e.g" its full stop is no part of the run.
  ".)? a",
];
const PASSES = [
  "a",
  " ",
  '"',
  ")",
  ".com",
  "3.14",
  " e.g.",
  " Dr.",
  "!=",
  "?.x",
  ".get(",
  "a.b",
  ".5",
  "、",
  "...x",
  ".. a",
];

Deno.test("tokens that may end a sentence pause, tokens that cannot do not", () => {
  const table = tableOf([...PAUSES, ...PASSES, ""]);
  const texts = [...sentenceCandidates(table)].map((token) => textOf(table, token));
  assert.deepEqual(texts, PAUSES);
});

Deno.test("demo pack: no end is missed, and few tokens pause", {
  ignore: demoDirectory() === null,
}, async () => {
  await withTokenizer(demoDirectory()!, (tokenizer) => {
    const table = tokenTable(tokenizer);
    assertNothingMissed(table, 1500);
    const count = sentenceCandidates(table).length;
    assert.ok(count < tokenizer.vocabSize / 20, `${count} of ${tokenizer.vocabSize}`);
  });
});

import assert from "node:assert/strict";
import fc from "fast-check";
import type { TextTokenizer } from "../../../engine/tokenizer/mod.ts";
import { fixtureDirectory, type Style, STYLES, withTokenizer } from "./fixtures.ts";

/** The id of <0x00> in the SentencePiece-like fixtures: it follows <unk>, <s> and </s>. */
const BYTES_START = 3;

interface Options {
  skipSpecialTokens: boolean;
  continuation: boolean;
}

/** The plain definition: all bytes, read as UTF-8 at once, less what the style cuts from a text's start. */
function atOnce(
  tokenizer: TextTokenizer,
  source: { style: Style; tokens: number[]; options: Options },
): string {
  const { style, options } = source;
  const tokens = source.tokens.filter((token) =>
    token < tokenizer.vocabSize && !(options.skipSpecialTokens && tokenizer.isSpecial(token))
  );
  const bytes = tokens.map((token) => [...tokenizer.tokenBytes(token)]);
  const starts = !options.continuation && tokens.length > 0;
  // <0x20> is a space, not a ▁.
  if (starts && style === "metaspace" && tokens[0] !== BYTES_START + 0x20) {
    bytes[0] = bytes[0].filter((byte) => byte !== 0x20);
  }
  const text = new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes.flat()));
  return starts && style === "sentencepiece_like" ? text.replace(/^ /, "") : text;
}

for (const style of STYLES) {
  Deno.test(`${style}: streaming any tokens equals decoding them at once`, async () => {
    await withTokenizer(fixtureDirectory(style), (tokenizer) => {
      const tokens = fc.array(fc.nat(tokenizer.vocabSize + 3), { maxLength: 40 });
      const text = fc.string({ unit: "binary", maxLength: 30 }).map((s) => [
        ...tokenizer.encode(s),
      ]);
      const options = fc.record({ skipSpecialTokens: fc.boolean(), continuation: fc.boolean() });
      fc.assert(
        fc.property(fc.oneof(tokens, text), options, (tokens, options) => {
          const stream = tokenizer.detokenizer(options);
          const parts = tokens.map((token) => stream.push(token));
          for (const part of parts) assert.ok(part.isWellFormed(), "no half characters");
          const expected = atOnce(tokenizer, { style, tokens, options });
          assert.equal(parts.join("") + stream.flush(), expected);
          assert.equal(tokenizer.decode(tokens, options), expected);
        }),
        { numRuns: 500 },
      );
    });
  });

  Deno.test(`${style}: text survives encoding and decoding`, async () => {
    await withTokenizer(fixtureDirectory(style), (tokenizer) => {
      fc.assert(
        fc.property(fc.string({ unit: "grapheme", maxLength: 40 }), (text) => {
          // Decoding makes a space of every ▁, also of one that was in the text.
          fc.pre(!["sentencepiece_like", "metaspace"].includes(style) || !text.includes("▁"));
          // Today's Metaspace adds no ▁ to a text that begins with one, and so loses it, in Python as well.
          fc.pre(style !== "metaspace" || !text.startsWith(" "));
          const expected = style === "chatml_nfc" ? text.normalize("NFC") : text;
          assert.equal(tokenizer.decode(tokenizer.encode(text)), expected);
        }),
        { numRuns: 200 },
      );
    });
  });

  Deno.test(`${style}: an emoji split over tokens comes out whole with its last token`, async () => {
    await withTokenizer(fixtureDirectory(style), (tokenizer) => {
      const tokens = [...tokenizer.encode("a👨‍👩‍👧🏽b", { addSpecialTokens: false })];
      assert.ok(tokens.length > 8, "the emoji is split");
      const stream = tokenizer.detokenizer();
      const parts = tokens.map((token) => stream.push(token)).filter((part) => part !== "");
      assert.deepEqual(parts, ["a", "👨", "\u200d", "👩", "\u200d", "👧", "🏽", "b"]);
      assert.equal(stream.flush(), "");
    });
  });
}

Deno.test("an unfinished character becomes U+FFFD at the end only", async () => {
  await withTokenizer(fixtureDirectory("byte_level_bpe"), (tokenizer) => {
    const [first] = tokenizer.encode("🙂", { addSpecialTokens: false });
    const stream = tokenizer.detokenizer();
    assert.equal(stream.push(first), "");
    assert.equal(stream.flush(), "\ufffd");
  });
});

Deno.test("a SentencePiece answer loses its leading space unless it continues a text", async () => {
  await withTokenizer(fixtureDirectory("sentencepiece_like"), (tokenizer) => {
    const tokens = tokenizer.encode("Hello world", { addSpecialTokens: false });
    assert.equal(tokenizer.decode(tokens), "Hello world");
    assert.equal(tokenizer.decode(tokens, { continuation: true }), " Hello world");
  });
});

Deno.test("where Rust turns a whole run of byte tokens into U+FFFD, only the ill-formed part is one here", async () => {
  await withTokenizer(fixtureDirectory("sentencepiece_like"), (tokenizer) => {
    const byte = (value: number) => BYTES_START + value;
    assert.deepEqual([...tokenizer.tokenBytes(byte(0xe4))], [0xe4]);
    const tokens = [0xe4, 0xbd, 0xa0, 0xff, 0x41].map(byte);
    assert.equal(tokenizer.decode(tokens, { continuation: true }), "你\ufffdA");
  });
});

Deno.test("streaming costs the same per token however long the text is", async () => {
  await withTokenizer(fixtureDirectory("byte_level_bpe"), (tokenizer) => {
    const tokens = tokenizer.encode("The quick brown 🦊 jumps. ".repeat(2000));
    const stream = tokenizer.detokenizer();
    let length = 0;
    const start = performance.now();
    for (let round = 0; round < 4; round++) {
      for (const token of tokens) length += stream.push(token).length;
    }
    assert.equal(length, 4 * tokenizer.decode(tokens).length);
    // Decoding the growing text anew for each token would take minutes.
    assert.ok(performance.now() - start < 10_000);
  });
});

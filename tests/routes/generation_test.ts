import assert from "node:assert/strict";
import fc from "fast-check";
import type { TokenEvent } from "../../engine/core/generation.ts";
import { type ChoiceEvent, decodeChoice } from "../../routes/generation/choice.ts";
import { merge } from "../../routes/generation/merge.ts";
import { choiceSeed, foldSeed } from "../../routes/generation/sampling.ts";
import { bytesOf, ByteTokenizer } from "./byte_tokenizer.ts";

const TIMINGS = { queue_ms: 0, upload_ms: 0, prefill_ms: 0, decode_ms: 0 };

/** The answer's text by the plainest means: the stop string that is complete first ends it. */
function expectedText(text: string, stops: readonly string[]): { text: string; used: number } {
  for (let end = 1; end <= text.length; end++) {
    const found = stops.filter((stop) => text.slice(0, end).endsWith(stop))
      .sort((a, b) => b.length - a.length)[0];
    if (found !== undefined) return { text: text.slice(0, end - found.length), used: end };
  }
  return { text, used: text.length };
}

Deno.test("text and tokens of a choice do not depend on how its tokens arrive", async () => {
  const piece = fc.constantFrom("a", "b", "ab", "é", "🌍", "\n");
  const cases = fc.record({
    text: fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join("")),
    stops: fc.array(fc.array(piece, { minLength: 1, maxLength: 4 }).map((p) => p.join("")), {
      maxLength: 4,
    }),
    bursts: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 9 }),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ text, stops, bursts }) => {
      let aborted = false;
      let counted = 0;
      async function* events(): AsyncGenerator<TokenEvent> {
        await Promise.resolve();
        yield { kind: "started", cachedTokens: 0 };
        const tokens = [...bytesOf(text)].map((token) => ({ token }));
        for (let i = 0; tokens.length > 0 && !aborted; i++) {
          yield { kind: "tokens", tokens: tokens.splice(0, bursts[i % bursts.length]) };
        }
        yield { kind: "finished", reason: aborted ? "abort" : "length", timings: TIMINGS };
      }
      const seen: ChoiceEvent[] = [];
      for await (
        const event of decodeChoice(events(), {
          index: 0,
          detokenizer: new ByteTokenizer().detokenizer(),
          stops,
          stopTokens: [],
          abort: () => aborted = true,
          onTokens: (count) => counted += count,
          onRouted: () => {},
        })
      ) seen.push(event);
      const expected = expectedText(text, stops);
      const texts = seen.filter((event) => event.kind === "text");
      assert.equal(texts.map((event) => event.text).join(""), expected.text);
      const last = seen.at(-1)!;
      assert.ok(last.kind === "finished");
      const stopped = expected.text !== text;
      assert.equal(last.reason, stopped ? "stop" : "length");
      assert.equal(counted, bytesOf(text.slice(0, expected.used)).length);
      const shown = texts.flatMap((event) => event.tokens.map(({ token }) => token));
      assert.deepEqual(shown, [...bytesOf(expected.text)]);
    }),
    { numRuns: 500, seed: 1 },
  );
});

/** Yields 0 … count - 1, and says when it was ended early. */
async function* numbers(count: number, ended: string[]): AsyncGenerator<number> {
  try {
    for (let i = 0; i < count; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      yield i;
    }
  } finally {
    ended.push(`of ${count}`);
  }
}

Deno.test("merge yields every item of every source, each source in order", async () => {
  const seen: number[] = [];
  for await (const n of merge([numbers(3, []), numbers(0, []), numbers(5, [])], () => {})) {
    seen.push(n);
  }
  assert.deepEqual(seen.toSorted(), [0, 0, 1, 1, 2, 2, 3, 4]);
});

Deno.test("merge ended early stops its sources and waits for them", async () => {
  const ended: string[] = [];
  let stops = 0;
  for await (const n of merge([numbers(100, ended), numbers(200, ended)], () => stops++)) {
    if (n === 2) break;
  }
  assert.deepEqual(ended.toSorted(), ["of 100", "of 200"]);
  assert.equal(stops, 1);
});

Deno.test("merge ends by the error of any source, the others with it", async () => {
  const ended: string[] = [];
  async function* failing(): AsyncGenerator<number> {
    yield 1;
    await Promise.resolve();
    throw new Error("broken");
  }
  const collect = async () => {
    for await (const _ of merge([numbers(100, ended), failing()], () => {})) { /* nothing */ }
  };
  await assert.rejects(collect, { message: "broken" });
  assert.deepEqual(ended, ["of 100"]);
});

Deno.test("seeds fold to 32 bits, themselves where they fit, and choices get their own", () => {
  assert.equal(foldSeed(0), 0);
  assert.equal(foldSeed(2 ** 32 - 1), 2 ** 32 - 1);
  assert.equal(foldSeed(2 ** 32), 1);
  assert.notEqual(foldSeed(-1), foldSeed(1));
  for (const seed of [-(2 ** 53) + 1, 2 ** 53 - 1, -1]) {
    assert.ok(Number.isInteger(foldSeed(seed)) && foldSeed(seed) >= 0 && foldSeed(seed) < 2 ** 32);
  }
  assert.equal(choiceSeed(5, 0), 5);
  assert.equal(new Set(Array.from({ length: 16 }, (_, i) => choiceSeed(5, i))).size, 16);
});

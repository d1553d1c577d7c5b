import assert from "node:assert/strict";
import fc from "fast-check";
import { StopMatcher } from "../../../engine/tokenizer/mod.ts";

/** The plain definition: the stop that ends first, of those the longest; the text before it. */
function search(text: string, stops: string[]): { text: string; matched?: string } {
  for (let end = 1; end <= text.length; end++) {
    const ending = stops.filter((stop) => text.slice(0, end).endsWith(stop));
    if (ending.length === 0) continue;
    const matched = ending.reduce((a, b) => (b.length > a.length ? b : a));
    return { text: text.slice(0, end - matched.length), matched };
  }
  return { text };
}

function stream(pieces: string[], stops: string[]): { text: string; matched?: string } {
  const matcher = new StopMatcher(stops);
  let text = "";
  for (const piece of pieces) {
    const result = matcher.push(piece);
    text += result.text;
    if (result.stopped) {
      assert.equal(matcher.flush(), "");
      return { text, matched: result.matched };
    }
  }
  return { text: text + matcher.flush() };
}

Deno.test("stop strings are found wherever the text is cut", () => {
  // Few letters, so that stop strings overlap themselves and each other often.
  const word = fc.string({ unit: fc.constantFrom("a", "b", "🙂", "🙃"), maxLength: 6 });
  const stops = fc.array(word.filter((stop) => stop !== ""), { maxLength: 4 });
  fc.assert(
    fc.property(fc.array(word, { maxLength: 12 }), stops, (pieces, stops) => {
      assert.deepEqual(stream(pieces, stops), search(pieces.join(""), stops));
    }),
    { numRuns: 3000 },
  );
});

Deno.test("only what may become a stop string is held back", () => {
  const matcher = new StopMatcher(["\n\nUser:"]);
  assert.deepEqual(matcher.push("Hello\n"), { text: "Hello", stopped: false });
  assert.deepEqual(matcher.push("\nUs"), { text: "", stopped: false });
  assert.deepEqual(matcher.push("ing\n"), { text: "\n\nUsing", stopped: false });
  assert.equal(matcher.flush(), "\n");
});

Deno.test("text after a stop is swallowed", () => {
  const matcher = new StopMatcher(["END"]);
  assert.deepEqual(matcher.push("aENDb"), { text: "a", stopped: true, matched: "END" });
  assert.deepEqual(matcher.push("cEND"), { text: "", stopped: true, matched: "END" });
  assert.equal(matcher.flush(), "");
});

Deno.test("without stop strings everything goes through", () => {
  const matcher = new StopMatcher([]);
  assert.deepEqual(matcher.push("a🙂"), { text: "a🙂", stopped: false });
});

Deno.test("an empty or broken stop string is refused", () => {
  for (const stop of ["", "a\ud83d"]) {
    assert.throws(() => new StopMatcher([stop]), { code: "invalid_request", param: "stop" });
  }
});

import assert from "node:assert/strict";
import fc from "fast-check";
import { StopMatcher } from "../../../engine/tokenizer/mod.ts";
import { fixtureDirectory, STYLES, withTokenizer } from "./fixtures.ts";

for (const style of STYLES) {
  Deno.test(`${style}: whichever token completes a stop string is a pause token`, async () => {
    await withTokenizer(fixtureDirectory(style), (tokenizer) => {
      const stop = fc.oneof(
        fc.constantFrom("\n", ".", "\n\n", "s.", " the", "🙂", "界", "ü", "ing", "} ", "e"),
        fc.string({ minLength: 1, maxLength: 3 }),
      );
      const tokens = fc.array(fc.nat(tokenizer.vocabSize - 1), { maxLength: 60 });
      fc.assert(
        fc.property(stop, tokens, (stop, tokens) => {
          const pause = new Set(tokenizer.pauseTokensFor([stop]));
          const stream = tokenizer.detokenizer();
          const matcher = new StopMatcher([stop]);
          for (
            const token of [...tokens, ...tokenizer.encode(`x${stop}`, { addSpecialTokens: false })]
          ) {
            if (!matcher.push(stream.push(token)).stopped) continue;
            assert.ok(pause.has(token), `token ${token} completed ${JSON.stringify(stop)}`);
            return;
          }
          assert.fail("the last tokens complete it");
        }),
        { numRuns: 200 },
      );
    });
  });
}

Deno.test("tokens that cannot complete a stop string do not pause", async () => {
  await withTokenizer(fixtureDirectory("byte_level_bpe"), (tokenizer) => {
    const pause = tokenizer.pauseTokensFor(["\nUser:"]);
    assert.ok(pause.length > 0 && pause.length < 20, `${pause.length} tokens`);
    for (const token of pause) assert.match(tokenizer.tokenText(token), /^:|r:/);
    assert.deepEqual(tokenizer.pauseTokensFor([]), []);
    assert.deepEqual(tokenizer.pauseTokensFor(["\nUser:", "\nUser:"]), pause);
  });
});

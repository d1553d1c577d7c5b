import assert from "node:assert/strict";
import fc from "fast-check";
import { tokenTable, TokenText } from "../../../../engine/tokenizer/sentences/mod.ts";
import { fixtureDirectory, STYLES, withTokenizer } from "../fixtures.ts";

for (const style of STYLES) {
  Deno.test(`${style}: a table that was sent decodes as the tokenizer does`, async () => {
    await withTokenizer(fixtureDirectory(style), (tokenizer) => {
      const made = tokenTable(tokenizer);
      const size = made.bytes.length;
      const table = structuredClone(made, { transfer: [made.bytes.buffer, made.ends.buffer] });
      assert.equal(made.bytes.length, 0, "moved, not copied");
      assert.equal(table.bytes.length, size);
      fc.assert(
        fc.property(fc.array(fc.nat(tokenizer.vocabSize + 2), { maxLength: 60 }), (tokens) => {
          const ours = new TokenText(table);
          const theirs = tokenizer.detokenizer({ continuation: true });
          for (const token of tokens) assert.equal(ours.push(token), theirs.push(token));
          assert.equal(ours.flush(), theirs.flush());
        }),
        { numRuns: 300 },
      );
    });
  });
}

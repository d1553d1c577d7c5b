import assert from "node:assert/strict";
import { splitSentences } from "../../../../engine/tokenizer/sentences/mod.ts";
import { CASES } from "./cases.ts";

for (const [topic, cases] of Object.entries(CASES)) {
  Deno.test(`sentences: ${topic}`, () => {
    for (const marked of cases) {
      const text = marked.replaceAll("¦", "");
      const spans = splitSentences(text);
      assert.equal(spans.map(({ start, end }) => text.slice(start, end)).join("¦"), marked);
    }
  });
}

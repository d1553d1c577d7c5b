import assert from "node:assert/strict";
import {
  SentenceSplitter,
  splitSentences,
  tokenTable,
  TokenText,
} from "../../../../engine/tokenizer/sentences/mod.ts";
import { demoDirectory, withTokenizer } from "../fixtures.ts";

interface Composite {
  answer: string;
  answers: string[];
}

const SETS = ["composite", "composite3"];

function readSet(directory: string, name: string): Composite[] {
  return Deno.readTextFileSync(`${directory}eval/${name}.jsonl`).trim().split("\n")
    .map((line) => JSON.parse(line));
}

for (const name of SETS) {
  Deno.test(`demo pack: ${name}'s answers are split where one answer follows another`, {
    ignore: demoDirectory() === null,
  }, async () => {
    const directory = demoDirectory()!;
    await withTokenizer(directory, (tokenizer) => {
      const table = tokenTable(tokenizer);
      const set = readSet(directory, name);
      assert.ok(set.length > 50);
      for (const { answer, answers } of set) {
        const sentences = splitSentences(answer).map(({ start, end }) => answer.slice(start, end));
        assert.deepEqual(sentences.map((sentence) => sentence.trimEnd()), answers);
        // Token by token: each answer's first token settles that the one before it ended.
        const text = new TokenText(table);
        const splitter = new SentenceSplitter();
        let length = 0;
        let begun = 1;
        for (const token of tokenizer.encode(answer, { addSpecialTokens: false })) {
          const piece = text.push(token);
          for (const start of splitter.push(piece).starts) {
            assert.ok(start >= length && start < length + piece.length);
            assert.equal(answer.indexOf(answers[begun++], start), start);
          }
          length += piece.length;
        }
        assert.equal(begun, answers.length);
        assert.deepEqual(splitter.end(), []);
      }
    });
  });
}

import assert from "node:assert/strict";
import { parseLines, readData } from "../../../tools/router/data_files.ts";

Deno.test("texts and chats are read, empty lines are not", () => {
  const chat = [{ role: "user", content: "Hi" }, { role: "assistant", content: "Yes. N" }];
  const lines = [{ input: "a text", output: "a" }, { input: chat, output: "b" }];
  const text = lines.map((line) => JSON.stringify(line)).join("\n\n") + "\n";
  assert.deepEqual(parseLines(text, "x.jsonl"), lines);
});

const BAD: [string, RegExp][] = [
  ["{", /line 2 of "x\.jsonl": it is no JSON/],
  ["[]", /line 2 .*no object/],
  ["null", /line 2 .*no object/],
  ['{"input": "a"}', /"output" is missing/],
  ['{"input": "a", "output": 3}', /"output" is 3, not a label/],
  ['{"input": "", "output": "a"}', /"input" is empty/],
  ['{"input": [], "output": "a"}', /"input" is \[\], neither a text nor a list/],
  ['{"input": [null], "output": "a"}', /role missing/],
  ['{"input": [{"role": "bot", "content": "x"}], "output": "a"}', /role "bot"; allowed are system/],
  ['{"input": [{"role": "user", "content": 3}], "output": "a"}', /content 3, not a text/],
  [
    '{"input": [{"role": "user", "content": [{"type": "image_url"}]}], "output": "a"}',
    /not a text/,
  ],
];

for (const [line, message] of BAD) {
  Deno.test(`a line that is ${line} is refused with its number`, () => {
    const text = `{"input": "good", "output": "a"}\n${line}\n`;
    assert.throws(() => parseLines(text, "x.jsonl"), message);
  });
}

Deno.test("a folder's .jsonl files are read in the order of their names, and nothing else", () => {
  const folder = Deno.makeTempDirSync();
  Deno.writeTextFileSync(`${folder}/b.jsonl`, '{"input": "2", "output": "b"}');
  Deno.writeTextFileSync(`${folder}/a.jsonl`, '{"input": "1", "output": "a"}\n');
  Deno.writeTextFileSync(`${folder}/notes.txt`, "not data");
  assert.deepEqual(readData(folder).map(({ input }) => input), ["1", "2"]);
  assert.equal(readData(`${folder}/b.jsonl`).length, 1);
  Deno.removeSync(folder, { recursive: true });
});

Deno.test("what is missing, empty or no text is refused", () => {
  const folder = Deno.makeTempDirSync();
  assert.throws(() => readData(`${folder}/none`), /Cannot read ".*none"/);
  assert.throws(() => readData(folder), /no file in it ends in \.jsonl/);
  Deno.writeTextFileSync(`${folder}/a.jsonl`, "\n");
  assert.throws(() => readData(folder), /holds no example/);
  Deno.writeFileSync(`${folder}/a.jsonl`, Uint8Array.of(0xff, 0xfe));
  assert.throws(() => readData(folder), /Cannot read ".*a\.jsonl"/);
  Deno.removeSync(folder, { recursive: true });
});

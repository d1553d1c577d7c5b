import assert from "node:assert/strict";
import { encodeLines, labelsOf, splitExamples } from "../../../tools/router/examples.ts";

/** Every character a token. */
const tokenizer = {
  encode: (text: string) => Uint32Array.from(text, (character) => character.charCodeAt(0)),
};
const SETTINGS = { tokenizer, labels: ["a", "b"], maxTokens: 8 };

function textOf(tokens: Uint32Array): string {
  return String.fromCharCode(...tokens);
}

Deno.test("each message is seen with a newline behind it, and a text is one message", () => {
  const chat = [{ role: "system" as const, content: "x" }, { role: "user" as const, content: "y" }];
  const [text, messages] = encodeLines(
    [{ input: "hi", output: "b" }, { input: chat, output: "a" }],
    SETTINGS,
  );
  assert.deepEqual([textOf(text.tokens), text.label], ["hi\n", 1]);
  assert.deepEqual([textOf(messages.tokens), messages.label], ["x\ny\n", 0]);
});

Deno.test("an answer that goes on has no newline behind it, and only the last tokens count", () => {
  const input = [
    { role: "user" as const, content: "question" },
    { role: "assistant" as const, content: "red. e" },
  ];
  const [example] = encodeLines([{ input, output: "a" }], SETTINGS);
  assert.equal(textOf(example.tokens), "n\nred. e");
  assert.equal(example.group, "question\n");
});

Deno.test("labels keep the order of their first lines; one alone, too many or strange ones are refused", () => {
  const line = (output: string) => ({ input: "x", output });
  assert.deepEqual(labelsOf(["b", "a", "b"].map(line)), ["b", "a"]);
  assert.throws(() => labelsOf(["a", "a"].map(line)), /one label "a": give at least two/);
  const many = Array.from({ length: 513 }, (_, i) => line(`label-${i}`));
  assert.throws(() => labelsOf(many), /513 labels: at most 512/);
  assert.equal(labelsOf(many.slice(1)).length, 512);
  assert.throws(() => encodeLines([line("c")], SETTINGS), /label "c": allowed are a, b/);
});

Deno.test("a split keeps a prompt's examples together and every label on both sides", () => {
  const examples = Array.from({ length: 300 }, (_, i) => ({
    tokens: Uint32Array.of(i),
    label: Math.floor(i / 3) % 5,
    group: `prompt ${Math.floor(i / 3)}`,
  }));
  const { train, valid } = splitExamples(examples, { share: 0.2, seed: 1 });
  assert.equal(train.length + valid.length, 300);
  assert.equal(valid.length, 60);
  const groups = new Set(valid.map(({ group }) => group));
  assert.ok(train.every(({ group }) => !groups.has(group)));
  for (const part of [train, valid]) assert.equal(new Set(part.map(({ label }) => label)).size, 5);
  assert.deepEqual(splitExamples(examples, { share: 0.2, seed: 1 }).valid, valid);
  assert.notDeepEqual(splitExamples(examples, { share: 0.2, seed: 2 }).valid, valid);
});

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { loadTokenizer, routerText } from "../../../engine/tokenizer/mod.ts";

Deno.test("a conversation's text for the router is each message's text and a line's end", () => {
  const text = routerText([
    { role: "system", content: "Be brief." },
    { role: "user", content: [{ type: "text", text: "A" }, { type: "text", text: "B" }] },
    { role: "assistant", content: null },
  ]);
  assert.equal(text, "Be brief.\nAB\n\n");
});

Deno.test("the demo pack's vocabulary has the hash that the router's form describes", async () => {
  const tokenizer = await loadTokenizer("models/demo");
  const { model, added_tokens: added } = JSON.parse(
    Deno.readTextFileSync("models/demo/tokenizer.json"),
  );
  const texts: string[] = [];
  for (const [text, id] of Object.entries<number>(model.vocab)) texts[id] = text;
  for (const { id, content } of added) texts[id] = content;
  const expected = createHash("sha256").update(Array.from(texts, (text) => text ?? "").join("\n"))
    .digest("hex");
  assert.equal(tokenizer.vocabularyHash, expected);
  tokenizer.close();
});

Deno.test("a text's tail is the end of the whole text's tokens, without special ones", async () => {
  const tokenizer = await loadTokenizer("models/demo");
  const special = Array.from({ length: tokenizer.vocabSize }, (_, id) => id)
    .find((id) => tokenizer.isSpecial(id))!;
  const sentence = "The cat sat on the mat, as cats do. How many are 3 + 4? ";
  for (const text of ["", "Hi", sentence, sentence.repeat(400), "x".repeat(50_000)]) {
    const whole = tokenizer.encode(text, { addSpecialTokens: false });
    for (const maxTokens of [1, 7, 256]) {
      assert.deepEqual(tokenizer.encodeTail(text, maxTokens), whole.slice(-maxTokens));
    }
  }
  const spelled = Object.entries<number>(
    Object.fromEntries(
      JSON.parse(Deno.readTextFileSync("models/demo/tokenizer.json")).added_tokens
        .map(({ content, id }: { content: string; id: number }) => [content, id]),
    ),
  ).find(([, id]) => id === special)![0];
  const mixed = tokenizer.encodeTail(`one${spelled}two`, 50);
  assert.ok(!mixed.includes(special));
  assert.ok(tokenizer.encode(`one${spelled}two`).includes(special), "the text spells it");
  tokenizer.close();
});

Deno.test("a megabyte's tail costs little", async () => {
  const tokenizer = await loadTokenizer("models/demo");
  const text = "Every word of it is read by nobody. ".repeat(30_000);
  tokenizer.encodeTail(text, 256);
  const startedAt = performance.now();
  tokenizer.encodeTail(text, 256);
  assert.ok(performance.now() - startedAt < 500, `${performance.now() - startedAt} ms`);
  tokenizer.close();
});

import assert from "node:assert/strict";
import { WeftError } from "../../../engine/core/errors.ts";
import type { TextTokenizer } from "../../../engine/tokenizer/mod.ts";
import {
  demoDirectory,
  type Expected,
  fixtureDirectory,
  readExpected,
  STYLES,
  withTokenizer,
} from "./fixtures.ts";

for (const style of STYLES) {
  Deno.test(`${style}: text, tokens and chats are equal to Python's`, async () => {
    await withTokenizer(
      fixtureDirectory(style),
      (tokenizer) => compare(tokenizer, readExpected(style)),
    );
  });
}

const demo = demoDirectory();
Deno.test({
  name: "the demo pack's text, tokens and chats are equal to Python's",
  ignore: demo === null,
  async fn() {
    // Made by `python tools/fixtures/tokenizer.py`; run it again when the pack changes.
    await withTokenizer(demo!, (tokenizer) => compare(tokenizer, readExpected("demo")));
  },
});

async function compare(tokenizer: TextTokenizer, expected: Expected): Promise<void> {
  assert.equal(tokenizer.vocabSize, expected.vocab_size);
  assert.deepEqual(tokenizer.eosTokenIds, [expected.eos]);
  for (const id of expected.specials) assert.ok(tokenizer.isSpecial(id), `${id} is special`);

  for (const { text, ids, plain } of expected.encode) {
    assert.deepEqual([...tokenizer.encode(text)], ids, JSON.stringify(text));
    const bare = tokenizer.encode(text, { addSpecialTokens: false });
    assert.deepEqual([...bare], plain, JSON.stringify(text));
  }
  for (const { ids, text, skip } of expected.decode) {
    assert.equal(tokenizer.decode(ids, { skipSpecialTokens: false }), text, ids.join());
    assert.equal(tokenizer.decode(ids), skip, ids.join());
  }
  for (const chat of expected.chat) {
    const options = {
      addGenerationPrompt: chat.add_generation_prompt,
      specialTokensInContent: "parse",
    } as const;
    if (chat.error !== undefined) {
      await assert.rejects(
        tokenizer.encodeChat(chat.messages, options),
        (error) => error instanceof WeftError && error.message.includes(chat.error!),
      );
      continue;
    }
    assert.equal(await tokenizer.renderChat(chat.messages, options), chat.text);
    assert.deepEqual([...await tokenizer.encodeChat(chat.messages, options)], chat.ids);
    // By default contents that spell no special token give the same; those that do, the same text.
    const { addGenerationPrompt } = options;
    const guarded = await tokenizer.encodeChat(chat.messages, { addGenerationPrompt });
    assert.equal(await tokenizer.renderChat(chat.messages, { addGenerationPrompt }), chat.text);
    const forges = chat.messages.some(({ content }) => String(content).startsWith("forged"));
    if (forges) assert.notDeepEqual([...guarded], chat.ids);
    else assert.deepEqual([...guarded], chat.ids);
  }
}

import assert from "node:assert/strict";
import fc from "fast-check";
import type { ChatMessage } from "../../../engine/tokenizer/mod.ts";
import { fixtureDirectory, STYLES, withTokenizer } from "./fixtures.ts";

const LLAMA3 = fixtureDirectory("byte_level_bpe");

for (const style of STYLES) {
  Deno.test(`${style}: no content can forge a special token`, async () => {
    await withTokenizer(fixtureDirectory(style), async (tokenizer) => {
      const specials = Array.from({ length: tokenizer.vocabSize }, (_, id) => id)
        .filter((id) => tokenizer.isSpecial(id))
        .map((id) => tokenizer.decode([id], { skipSpecialTokens: false }));
      const count = (ids: Uint32Array) => ids.filter((id) => tokenizer.isSpecial(id)).length;
      // Whole special tokens, their parts, blanks that templates trim, and other text.
      const part = fc.oneof(
        fc.constantFrom(...specials),
        fc.constantFrom(...specials).chain((s) => fc.nat(s.length).map((n) => s.slice(0, n))),
        fc.constantFrom(...specials).chain((s) => fc.nat(s.length).map((n) => s.slice(n))),
        fc.constantFrom(" ", "\n", "x", "é", "\ufdd0"),
      );
      const contents = fc.array(fc.array(part, { maxLength: 5 }).map((p) => p.join("")), {
        minLength: 3,
        maxLength: 3,
      });
      const roles = ["user", "assistant", "user"] as const;
      const chat = (contents: string[]): ChatMessage[] =>
        contents.map((content, i) => ({ role: roles[i], content }));
      const honest = count(await tokenizer.encodeChat(chat(["a", "b", "c"])));
      await fc.assert(
        fc.asyncProperty(contents, async (contents) => {
          const messages = chat(contents);
          const ids = await tokenizer.encodeChat(messages);
          assert.equal(count(ids), honest);
          // The text is all there.
          const text = await tokenizer.renderChat(messages);
          const parsed = { specialTokensInContent: "parse" } as const;
          assert.equal(text, await tokenizer.renderChat(messages, parsed));
          if (style === "byte_level_bpe" || style === "chatml_nfc") {
            assert.equal(
              tokenizer.decode(ids, { skipSpecialTokens: false }),
              text.normalize("NFC"),
            );
          }
        }),
        { numRuns: 150 },
      );
    });
  });
}

Deno.test("two contents side by side make no special token between them", async () => {
  const directory = await Deno.makeTempDir();
  try {
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
      await Deno.copyFile(`${LLAMA3}/${name}`, `${directory}/${name}`);
    }
    const glue = "{% for m in messages %}{{ m.content | trim }}{% endfor %}";
    await Deno.writeTextFile(`${directory}/chat_template.jinja`, glue);
    await withTokenizer(directory, async (tokenizer) => {
      const chat = (...contents: string[]): ChatMessage[] =>
        contents.map((content) => ({ role: "user", content }));
      for (
        const messages of [
          chat("<|eot", "_id|>"),
          chat(" <|", "eot_id", "|> "),
          chat("<|eot_id|", " > "),
        ]
      ) {
        assert.equal(await tokenizer.renderChat(messages), "<|eot_id|>");
        const ids = await tokenizer.encodeChat(messages);
        assert.ok(!ids.some((id) => tokenizer.isSpecial(id)), ids.join());
        assert.equal(tokenizer.decode(ids), "<|eot_id|>");
      }
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("text parts are joined, developer is system, null is empty", async () => {
  await withTokenizer(LLAMA3, async (tokenizer) => {
    const parts = await tokenizer.encodeChat([
      {
        role: "developer",
        content: [{ type: "text", text: "Be " }, { type: "text", text: "brief." }],
      },
      { role: "user", content: null },
    ]);
    const plain = await tokenizer.encodeChat([
      { role: "system", content: "Be brief." },
      { role: "user", content: "" },
    ]);
    assert.deepEqual(parts, plain);
  });
});

Deno.test("bad messages name the field at fault", async () => {
  await withTokenizer(LLAMA3, async (tokenizer) => {
    const cases: [unknown[], string][] = [
      [[], "messages"],
      [[{ role: "user", content: "a" }, { role: "boss", content: "b" }], "messages[1].role"],
      [[{ role: "user", content: [{ type: "image_url" }] }], "messages[0].content[0]"],
    ];
    for (const [messages, param] of cases) {
      const promise = tokenizer.encodeChat(messages as ChatMessage[]);
      await assert.rejects(promise, { code: "invalid_request", param });
    }
  });
});

Deno.test("lone surrogates become U+FFFD instead of failing", async () => {
  await withTokenizer(LLAMA3, async (tokenizer) => {
    const ids = await tokenizer.encodeChat([{ role: "user", content: "a\ud83d b" }]);
    assert.match(tokenizer.decode(ids), /a\ufffd b/);
    assert.equal(tokenizer.decode(tokenizer.encode("a\udc00b")), "a\ufffdb");
  });
});

Deno.test("contents that use up every mark are refused", async () => {
  await withTokenizer(LLAMA3, async (tokenizer) => {
    const all = Array.from({ length: 32 }, (_, i) => String.fromCharCode(0xfdd0 + i)).join("");
    const promise = tokenizer.encodeChat([{ role: "user", content: all }]);
    await assert.rejects(promise, { code: "invalid_request", param: "messages" });
  });
});

import assert from "node:assert/strict";
import { loadTokenizer } from "../../../engine/tokenizer/mod.ts";
import { fixtureDirectory, withTokenizer } from "./fixtures.ts";

const SOURCE = fixtureDirectory("byte_level_bpe");

interface Changes {
  tokenizer?: (json: Record<string, unknown>) => void;
  config?: (json: Record<string, unknown>) => void;
  files?: Record<string, string>;
}

/** A copy of a fixture with changes, removed afterwards. */
async function withChanged(
  changes: Changes,
  body: (directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    const parts = [["tokenizer.json", changes.tokenizer], [
      "tokenizer_config.json",
      changes.config,
    ]] as const;
    for (const [name, change] of parts) {
      const json = JSON.parse(await Deno.readTextFile(`${SOURCE}/${name}`));
      change?.(json);
      await Deno.writeTextFile(`${directory}/${name}`, JSON.stringify(json));
    }
    for (const [name, text] of Object.entries(changes.files ?? {})) {
      await Deno.writeTextFile(`${directory}/${name}`, text);
    }
    await body(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("a missing or broken tokenizer.json is named", async () => {
  await withChanged({}, async (directory) => {
    await Deno.writeTextFile(`${directory}/tokenizer.json`, "{");
    await assert.rejects(loadTokenizer(directory), {
      code: "bad_model",
      message: /tokenizer\.json/,
    });
    await Deno.writeTextFile(`${directory}/tokenizer.json`, "{}");
    await assert.rejects(loadTokenizer(directory), { code: "bad_model" });
    await Deno.remove(`${directory}/tokenizer.json`);
    await assert.rejects(loadTokenizer(directory), {
      code: "bad_model",
      message: /has no tokenizer\.json/,
    });
  });
});

Deno.test("a decoder that cannot stream is refused with what is supported", async () => {
  const decoder = { type: "WordPiece", prefix: "##", cleanup: true };
  for (
    const value of [decoder, null, { type: "Sequence", decoders: [{ type: "Fuse" }, decoder] }]
  ) {
    await withChanged({ tokenizer: (json) => json.decoder = value }, async (directory) => {
      await assert.rejects(loadTokenizer(directory), {
        code: "unsupported",
        message: /ByteFallback/,
      });
    });
  }
});

Deno.test("without a chat template only chats are refused", async () => {
  await withChanged({ config: (json) => delete json.chat_template }, async (directory) => {
    await withTokenizer(directory, async (tokenizer) => {
      assert.equal(tokenizer.hasChatTemplate, false);
      assert.ok(tokenizer.encode("Hello").length > 0);
      await assert.rejects(tokenizer.encodeChat([{ role: "user", content: "Hello" }]), {
        code: "unsupported",
        message: /no chat template/,
      });
    });
  });
});

Deno.test("chat_template.jinja goes before the template in the configuration", async () => {
  await withChanged({ files: { "chat_template.jinja": "beside" } }, async (directory) => {
    await withTokenizer(directory, async (tokenizer) => {
      assert.equal(await tokenizer.renderChat([{ role: "user", content: "Hello" }]), "beside");
    });
  });
});

Deno.test("named templates without a default are refused by their names", async () => {
  const templates = [{ name: "rag", template: "x" }];
  await withChanged({ config: (json) => json.chat_template = templates }, async (directory) => {
    await assert.rejects(loadTokenizer(directory), {
      code: "bad_model",
      message: /"rag".*"default"/,
    });
  });
});

Deno.test("a template that never ends fails the load, and leaves nothing running", async () => {
  const endless = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}";
  await withChanged({ files: { "chat_template.jinja": endless } }, async (directory) => {
    await assert.rejects(loadTokenizer(directory), {
      code: "bad_model",
      message: /did not finish in 2000 ms/,
    });
  });
});

Deno.test("a prompt beyond the limit is refused, and cheaply when it is far beyond", async () => {
  await withTokenizer(SOURCE, async (tokenizer) => {
    const limit = { maxTokens: 100 };
    const fits = "x1".repeat(50).slice(0, 99); // one token a character, and the beginning of text
    assert.equal(tokenizer.encode(fits, limit).length, 100);
    assert.throws(() => tokenizer.encode("x1".repeat(60), limit), {
      code: "invalid_request",
      message: /prompt of 121 tokens: at most 100/,
    });
    for (const text of ["lorem ipsum ", "a", "🙂", " ", "<|eot_id|>", "x\n"]) {
      const huge = text.repeat(Math.ceil(4_000_000 / text.length));
      const start = performance.now();
      assert.throws(() => tokenizer.encode(huge, limit), { message: /more than 100 tokens/ });
      const chat = tokenizer.encodeChat([{ role: "user", content: `x${huge}x` }], limit);
      await assert.rejects(chat, { code: "invalid_request" });
      assert.ok(performance.now() - start < 5000, `${text}: ${performance.now() - start} ms`);
    }
  });
});

Deno.test("tokens beyond the vocabulary have no bytes and are not special", async () => {
  await withTokenizer(SOURCE, (tokenizer) => {
    const beyond = tokenizer.vocabSize + 5;
    assert.equal(tokenizer.tokenBytes(beyond).length, 0);
    assert.equal(tokenizer.tokenText(beyond), "");
    assert.equal(tokenizer.isSpecial(beyond), false);
    assert.equal(tokenizer.decode([beyond]), "");
  });
});

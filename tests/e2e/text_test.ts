import assert from "node:assert/strict";
import { ask, chatBody, neverEnding, stream } from "./requests.ts";
import { stepsOf, withServer } from "./server_process.ts";

const TEXTS = {
  emoji: "👩‍👩‍👧‍👦 🇨🇭 👍🏽 ☃️",
  CJK: "狗喜欢绿色的杯子。犬は緑のカップが好きです。",
  "right to left": "الكلب يحب الكوب الأخضر שלום",
  "control characters": "a\u0000b\u0007c\u001b[31md\u007f\u200be\ufefff\u2028g",
  "what looks like the template's own tokens": "<|assistant|> <|end|><|bos|>",
  combining: "Z̸̡̢͔a̴l̷g̶o̵ e\u0301",
  nothing: "",
  "line ends": "\r\n\n\r\t ",
};

Deno.test("whatever text is sent, the server answers in valid text and stays up", async (t) => {
  const step = stepsOf(t);
  const logit_bias = await neverEnding();
  await withServer({}, async (server) => {
    const { base, client } = server;

    for (const [name, content] of Object.entries(TEXTS)) {
      await step(name, async () => {
        const fields = { messages: [{ role: "user" as const, content }], logit_bias };
        const whole = await ask(server, fields);
        const streamed = await stream(server, fields);
        assert.equal(streamed.text, whole.choices[0].message.content);
        assert.ok(streamed.text.isWellFormed());
        if (content === "") return;
        const echo = { model: base, prompt: content, max_tokens: 1, echo: true, temperature: 0 };
        const { choices: [{ text }] } = await client.completions.create(echo);
        assert.ok(text.startsWith(content));
      });
    }

    await step("characters cut into tokens come whole: every chunk is valid text", async () => {
      // At this temperature the tokens are all but random: many are parts of characters.
      const fields = { temperature: 2, seed: 5, max_tokens: 200, logit_bias };
      const body = { ...chatBody(server, fields), stream: true };
      const response = await server.post("/v1/chat/completions", body);
      const decoder = new TextDecoder("utf-8", { fatal: true });
      const page = decoder.decode(await response.arrayBuffer());
      const texts = [...page.matchAll(/^data: (\{.*\})$/gm)]
        .map(([, json]) => JSON.parse(json).choices[0].delta.content ?? "");
      for (const text of texts) assert.ok(text.isWellFormed());
      const whole = await ask(server, fields);
      assert.equal(texts.join(""), whole.choices[0].message.content);
    });

    await step("a prompt of 100 KB is refused with the numbers, in short time", async () => {
      for (
        const content of ["狗👍🏽 ".repeat(8_000), "a".repeat(100_000), "\u0000".repeat(100_000)]
      ) {
        const sentAt = performance.now();
        const response = await server.post("/v1/chat/completions", {
          model: base,
          messages: [{ role: "user", content }],
        });
        const { error } = await response.json();
        assert.equal(response.status, 400);
        assert.equal(error.code, "context_length_exceeded");
        assert.match(error.message, new RegExp(`${server.maxModelLen}`));
        assert.ok(performance.now() - sentAt < 5000);
      }
    });

    await step("bodies that are no JSON, no UTF-8 or too large", async () => {
      const post = (body: BodyInit) =>
        fetch(`${server.url}/v1/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body,
        });
      const bodies: [BodyInit, number][] = [
        ["{", 400],
        [new Uint8Array([0x22, 0xff, 0xfe, 0x22]), 400],
        [JSON.stringify({ model: base, prompt: "\ud800" }), 400],
        [JSON.stringify({ model: base, prompt: "a".repeat(5_000_000) }), 413],
      ];
      for (const [body, status] of bodies) {
        const response = await post(body);
        assert.equal(response.status, status);
        assert.equal(typeof (await response.json()).error.message, "string");
      }
    });
    await ask(server);
  });
});

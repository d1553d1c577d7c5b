import assert from "node:assert/strict";
import OpenAI from "openai";
import { ask, type ChatFields, neverEnding, stream, type Streamed } from "./requests.ts";
import { type TestServer, withServer } from "./server_process.ts";

const STREAMS = 32;

Deno.test("32 streams at once, some leaving and some refused: each answer is the one given alone", async () => {
  const logit_bias = await neverEnding();
  await withServer({}, async (server) => {
    const undisturbed = Array.from({ length: 20 }, (_, i) => requestOf(server, i));
    const alone: Streamed[] = [];
    for (const fields of undisturbed) alone.push(await stream(server, fields));
    const kinds = new Set(alone.map(({ logprobs }) => logprobs.join()));
    assert.equal(kinds.size, alone.length, "each request has an answer of its own");

    const leaving = Array.from({ length: 6 }, async (_, i) => {
      const gone = new AbortController();
      await stream(server, { ...requestOf(server, i), max_tokens: 1500, logit_bias }, {
        signal: gone.signal,
        onText: (text) => text.length > 10 * i && gone.abort(),
      });
    });
    const refused = REFUSED.map(({ fields, status }) =>
      assert.rejects(
        () => stream(server, fields),
        (error) => error instanceof OpenAI.APIError && error.status === status,
      )
    );
    assert.equal(undisturbed.length + leaving.length + refused.length, STREAMS);
    const together = await Promise.all(undisturbed.map((fields) => stream(server, fields)));
    await Promise.all([...leaving, ...refused]);

    together.forEach(({ text, reason, usage, logprobs }, i) => {
      const where = `request ${i}: ${JSON.stringify(undisturbed[i])}`;
      assert.equal(text, alone[i].text, where);
      assert.equal(reason, alone[i].reason, where);
      assert.equal(usage?.completion_tokens, alone[i].usage?.completion_tokens, where);
      assert.deepEqual(logprobs, alone[i].logprobs, where);
    });
    await server.idle();
    const metrics = await server.metrics();
    assert.ok(metrics.get("weft_adapters_resident")! >= 7);
    // The server is as good as new.
    const again = await ask(server, undisturbed[0]);
    assert.equal(again.choices[0].message.content, alone[0].text);
  });
});

/** The base, a single adapter or a mixture of 2 to 8, greedy or seeded, with a prompt of its own. */
function requestOf({ base, adapters }: TestServer, i: number): ChatFields {
  const size = Math.min(i % 2 === 0 ? 0 : 1 + (i % 8), adapters.length);
  const lora = Array.from({ length: size }, (_, k) => ({
    id: adapters[(i + k) % adapters.length],
    scale: (k % 2 === 0 ? 1 : -0.5) / (k + 1),
  }));
  const single = i % 4 === 0;
  return {
    model: single ? adapters[i % adapters.length] : base,
    ...(single ? {} : { lora }),
    messages: [{ role: "user", content: `Item ${i}: ${"apple dog seven ".repeat(1 + i % 6)}` }],
    max_tokens: 12 + i,
    logprobs: true,
    ...(i % 5 === 4 ? { temperature: 0.9, top_p: 0.9, seed: i } : {}),
  };
}

const REFUSED: { fields: ChatFields; status: number }[] = [
  { fields: { temperature: 9 }, status: 400 },
  { fields: { model: "nobody" }, status: 404 },
  { fields: { lora: [{ id: "nobody" }] }, status: 404 },
  { fields: { model: "auto", lora: [{ id: "x" }] }, status: 400 },
  { fields: { messages: [{ role: "user", content: "word ".repeat(9000) }] }, status: 400 },
  { fields: { tools: [{ type: "function", function: { name: "f" } }] }, status: 422 },
];

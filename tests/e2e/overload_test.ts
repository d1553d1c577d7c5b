import assert from "node:assert/strict";
import OpenAI from "openai";
import { ask, neverEnding, stream, tokensLasting } from "./requests.ts";
import { withServer } from "./server_process.ts";

Deno.test("a full queue refuses with 429 and Retry-After; those inside are not disturbed", async () => {
  const flags = ["--max-batch", "2", "--max-queued-requests", "2", "--max-queued-tokens", "200"];
  const logit_bias = await neverEnding();
  await withServer({ flags }, async (server) => {
    // Long enough to look around on a busy machine while the first two run.
    const long = { max_tokens: await tokensLasting(server, 6000), logit_bias };
    const alone = await stream(server, long);
    const inside = [start(), start()];
    function start() {
      const answer = stream(server, long);
      answer.catch(() => {}); // Awaited at the end; should the test fail before, that is the news.
      return answer;
    }
    await server.until((metrics) => metrics.get("weft_requests_running") === 2);

    await assert.rejects(
      () => ask(server, { messages: [{ role: "user", content: "apple ".repeat(400) }], n: 2 }),
      OpenAI.RateLimitError,
      "the second of two prompts is beyond the waiting tokens",
    );
    await server.until((metrics) => metrics.get("weft_requests_waiting") === 0);

    inside.push(start(), start());
    await server.until((metrics) => metrics.get("weft_requests_waiting") === 2);
    for (const streamed of [false, true]) {
      await assert.rejects(() => streamed ? stream(server) : ask(server), (error) => {
        assert.ok(error instanceof OpenAI.RateLimitError);
        assert.equal(error.headers.get("retry-after"), "1");
        assert.equal(error.code, "overloaded");
        assert.match(error.message, /2 of at most 2 requests/);
        return true;
      });
    }
    // A client that obeys Retry-After gets its answer in the end.
    const patient = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: "none", maxRetries: 120 });
    const late = patient.chat.completions.create({
      model: server.base,
      messages: [{ role: "user", content: "dog" }],
      max_tokens: 2,
    });
    late.catch(() => {}); // Awaited at the end, like those inside.
    for (const { text, reason, usage } of await Promise.all(inside)) {
      assert.equal(text, alone.text);
      assert.equal(reason, "length");
      assert.equal(usage?.completion_tokens, long.max_tokens);
    }
    assert.ok((await late).usage!.completion_tokens > 0);
  });
});

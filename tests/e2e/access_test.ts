import assert from "node:assert/strict";
import OpenAI from "openai";
import { ask, chatBody } from "./requests.ts";
import { stepsOf, withServer } from "./server_process.ts";

Deno.test("keys, request ids, probes and metrics on the real server", async (t) => {
  const step = stepsOf(t);
  const flags = ["--api-key", "first-key", "--api-key", "second-key"];
  await withServer({ flags, apiKey: "second-key" }, async (server) => {
    const { url } = server;

    await step("the API asks for a key, any of them; probes don't", async () => {
      const other = new OpenAI({ baseURL: `${url}/v1`, apiKey: "first-key", maxRetries: 0 });
      const [base] = (await other.models.list()).data;
      assert.equal(base.id, server.base);
      const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: "wrong", maxRetries: 0 });
      await assert.rejects(() => stranger.models.list(), OpenAI.AuthenticationError);
      const without = await server.post("/v1/chat/completions", chatBody(server));
      assert.equal(without.status, 401);
      assert.equal(without.headers.get("www-authenticate"), "Bearer");
      assert.equal((await without.json()).error.code, "invalid_api_key");
      for (const path of ["/live", "/ready", "/health", "/metrics"]) {
        const response = await fetch(url + path);
        assert.equal(response.status, 200, path);
        assert.notEqual(await response.text(), "");
      }
      assert.doesNotMatch(server.process.stderr, /first-key|second-key|wrong/);
      assert.match(server.process.stdout, /authorization: Bearer <key>/);
    });

    await step("/health tells the device and the limits", async () => {
      const health = await (await fetch(`${url}/health`)).json();
      assert.equal(health.status, "ready");
      assert.equal(health.model, server.base);
      assert.equal(health.limits.max_model_len, server.maxModelLen);
      assert.equal(health.running, 0);
    });

    await step(
      "a request id is returned, in answers and errors, and stands in the log",
      async () => {
        for (
          const [fields, status] of [[{ max_tokens: 1 }, 200], [{ temperature: 9 }, 400]] as const
        ) {
          const id = `mine-${status}`;
          const response = await server.post("/v1/chat/completions", chatBody(server, fields), {
            headers: { "x-request-id": id, authorization: "Bearer first-key" },
          });
          await response.body?.cancel();
          assert.equal(response.status, status);
          assert.equal(response.headers.get("x-request-id"), id);
          const line = server.process.logs().find(({ request_id }) => request_id === id);
          assert.equal(line?.status, status);
        }
        const { response } = await server.client.models.list().withResponse();
        assert.match(response.headers.get("x-request-id")!, /^[0-9a-f-]{36}$/);
      },
    );

    await step("/metrics counts what was done", async () => {
      const before = await server.metrics();
      const { usage } = await ask(server, { max_tokens: 5 });
      const after = await server.metrics();
      const grown = (name: string) => after.get(name)! - before.get(name)!;
      assert.equal(grown("weft_generated_tokens_total"), usage!.completion_tokens);
      assert.equal(grown("weft_prompt_tokens_total"), usage!.prompt_tokens);
      assert.ok(grown("weft_engine_steps_total") > 0);
      assert.equal(after.get("weft_ready"), 1);
    });
  });
});

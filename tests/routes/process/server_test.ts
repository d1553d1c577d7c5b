import assert from "node:assert/strict";
import OpenAI from "openai";
import type { RouteSettings } from "../../../routes/mod.ts";
import { PATIENCE_MS } from "../../../routes/patience.ts";
import { serve } from "../../../routes/process/server.ts";
import { bytesOf } from "../byte_tokenizer.ts";
import { DEFAULT_ANSWER, type FakeEngineOptions } from "../fake_engine.ts";
import { createHarness, type Harness, settled } from "../harness.ts";

interface Running extends Harness {
  url: string;
  client: OpenAI;
  stop: () => void;
  exitCode: Promise<0 | 1>;
}

/** Runs `body` against a server on a real socket; the server must end by itself afterwards. */
async function withServer(
  options: {
    engine?: FakeEngineOptions;
    drainMs?: number;
    apiKeys?: string[];
    settings?: Partial<RouteSettings>;
  },
  body: (running: Running) => Promise<void>,
): Promise<void> {
  const harness = createHarness({
    engine: options.engine,
    settings: { apiKeys: options.apiKeys ?? [], ...options.settings },
  });
  const stop = new AbortController();
  const listening = Promise.withResolvers<string>();
  const exitCode = serve({
    fetch: (request, connection) => harness.app.fetch(request, connection),
    engine: harness.engine,
    lifecycle: harness.lifecycle,
    logger: harness.logger,
    host: "127.0.0.1",
    port: 0,
    drainMs: options.drainMs ?? 2000,
    stop: stop.signal,
    onListen: listening.resolve,
  });
  const url = await listening.promise;
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: "right-key", maxRetries: 0 });
  try {
    await body({ ...harness, url, client, stop: () => stop.abort(), exitCode });
    await settled(harness);
  } finally {
    stop.abort();
    await exitCode;
  }
}

const MESSAGES = [{ role: "user" as const, content: "Hi" }];

Deno.test("the openai client: a chat answer, whole", async () => {
  await withServer({ apiKeys: ["right-key"] }, async ({ client }) => {
    const answer = await client.chat.completions.create({
      model: "demo",
      messages: MESSAGES,
      logprobs: true,
      top_logprobs: 1,
      n: 2,
    });
    assert.equal(answer.choices.length, 2);
    assert.equal(answer.choices[0].message.content, DEFAULT_ANSWER);
    assert.equal(answer.choices[1].finish_reason, "stop");
    assert.equal(answer.choices[0].logprobs?.content?.[0].token, "H");
    assert.equal(answer.usage?.prompt_tokens_details?.cached_tokens, 0);
  });
});

Deno.test("the openai client: a chat stream and its helper that puts it together", async () => {
  await withServer({ engine: { burst: 2 } }, async ({ client }) => {
    const stream = await client.chat.completions.create({
      model: "sql",
      messages: MESSAGES,
      stream: true,
      stream_options: { include_usage: true },
    });
    let text = "";
    let usage: OpenAI.CompletionUsage | null | undefined;
    for await (const chunk of stream) {
      text += chunk.choices[0]?.delta.content ?? "";
      usage = chunk.usage;
    }
    assert.equal(text, DEFAULT_ANSWER);
    assert.equal(usage?.completion_tokens, bytesOf(DEFAULT_ANSWER).length + 1);

    const runner = client.chat.completions.stream({ model: "demo", messages: MESSAGES });
    const whole = await runner.finalChatCompletion();
    assert.equal(whole.choices[0].message.content, DEFAULT_ANSWER);
    assert.equal(whole.choices[0].finish_reason, "stop");
  });
});

Deno.test("the openai client: completions and models", async () => {
  await withServer({}, async ({ client }) => {
    const answer = await client.completions.create({
      model: "demo",
      prompt: ["a", "b"],
      max_tokens: 100,
    });
    assert.deepEqual(answer.choices.map(({ text }) => text), [DEFAULT_ANSWER, DEFAULT_ANSWER]);
    const stream = await client.completions.create({ model: "demo", prompt: "a", stream: true });
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0].text;
    assert.equal(text, new TextDecoder().decode(bytesOf(DEFAULT_ANSWER).slice(0, 16)));
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    assert.deepEqual(ids, ["demo", "sql", "poet", "chef"]);
    assert.equal((await client.models.retrieve("sql")).object, "model");
  });
});

Deno.test("the openai client: auto, whole and streamed, with what each sentence was made of", async () => {
  await withServer({ apiKeys: ["right-key"], engine: { router: {} } }, async ({ client }) => {
    const routing = { mode: "top-1", max_adapters: 2 };
    const body = { model: "auto", messages: MESSAGES, routing };
    const answer = await client.chat.completions.create(body);
    assert.equal(answer.choices[0].message.content, DEFAULT_ANSWER);
    const { sentences } = (answer as unknown as { weft: { sentences: object[] } }).weft;
    assert.equal(sentences.length, 2);
    let text = "";
    const seen: object[] = [];
    const stream = await client.chat.completions.create({ ...body, stream: true });
    for await (const chunk of stream) {
      text += chunk.choices[0].delta.content ?? "";
      const { weft } = chunk as unknown as { weft?: { sentences: object[] } };
      if (weft && chunk.choices[0].finish_reason === null) seen.push(...weft.sentences);
    }
    assert.equal(text, DEFAULT_ANSWER);
    assert.deepEqual(seen, sentences);
    const completion = await client.completions.create(
      { model: "auto", prompt: "a", routing } as OpenAI.CompletionCreateParamsNonStreaming,
    );
    assert.equal(
      (completion as unknown as { weft: { sentences: object[] } }).weft.sentences.length,
      2,
    );
  });
});

Deno.test("the openai client gets its own typed errors", async () => {
  await withServer({ apiKeys: ["right-key"], engine: { capacity: 0 } }, async ({ client, url }) => {
    const ask = (fields: object, by = client) =>
      by.chat.completions.create({ model: "demo", messages: MESSAGES, ...fields });
    await assert.rejects(() => ask({ temperature: 9 }), (error) => {
      assert.ok(error instanceof OpenAI.BadRequestError);
      assert.equal(error.param, "temperature");
      assert.ok(error.requestID);
      return true;
    });
    await assert.rejects(() => ask({ model: "gpt" }), (error) => {
      assert.ok(error instanceof OpenAI.NotFoundError);
      assert.equal(error.code, "model_not_found");
      return true;
    });
    await assert.rejects(
      () => ask({ tools: [{ type: "function", function: { name: "f" } }] }),
      OpenAI.UnprocessableEntityError,
    );
    await assert.rejects(() => ask({}), OpenAI.RateLimitError);
    await assert.rejects(() => ask({ stream: true }), OpenAI.RateLimitError);
    await assert.rejects(() => ask({ model: "auto" }), OpenAI.InternalServerError);
    const stranger = new OpenAI({ baseURL: `${url}/v1`, apiKey: "wrong", maxRetries: 0 });
    await assert.rejects(() => ask({}, stranger), OpenAI.AuthenticationError);
  });
});

Deno.test("the openai client sees an error in mid-stream as an error", async () => {
  const fail = { at: 4, error: new Error("boom") };
  await withServer({ engine: { fail } }, async ({ client }) => {
    const stream = await client.chat.completions.create({
      model: "demo",
      messages: MESSAGES,
      stream: true,
    });
    await assert.rejects(async () => {
      for await (const _ of stream) { /* until it fails */ }
    }, OpenAI.APIError);
  });
});

const endless = () => Array<number>(400).fill(97);

Deno.test("the openai client going away frees the engine, streamed or whole", async () => {
  const engine = { answer: endless, delayMs: 5 };
  await withServer({ engine }, async (running) => {
    const stream = await running.client.chat.completions.create({
      model: "sql",
      messages: MESSAGES,
      stream: true,
      n: 2,
    });
    for await (const chunk of stream) {
      if (chunk.choices[0].delta.content) break;
    }
    stream.controller.abort();
    await settled(running);
    assert.equal(running.engine.aborted.length, 2);

    const client = new AbortController();
    setTimeout(() => client.abort(), 60);
    await assert.rejects(() =>
      running.client.chat.completions.create(
        { model: "sql", messages: MESSAGES },
        { signal: client.signal },
      ), OpenAI.APIUserAbortError);
    await settled(running);
    assert.equal(running.engine.aborted.length, 3);
  });
});

Deno.test("a client whose body came late and who leaves without an answer frees the engine", async () => {
  const engine = { answer: endless, delayMs: 20 };
  await withServer({ engine }, async (running) => {
    const { hostname, port } = new URL(running.url);
    for (const stream of [false, true]) {
      const body = JSON.stringify({ model: "sql", messages: MESSAGES, stream });
      const head = "POST /v1/chat/completions HTTP/1.1\r\nhost: weft\r\n" +
        `content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
      const connection = await Deno.connect({ hostname, port: Number(port) });
      for (const part of [head, body]) {
        await connection.write(new TextEncoder().encode(part));
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
      assert.equal(running.engine.running.size, 1);
      connection.close();
      const tries = (PATIENCE_MS + 1000) / 10;
      for (let i = 0; i < tries && running.engine.running.size > 0; i++) {
        await new Promise((resolve) => setTimeout(resolve, 10));
      }
      await settled(running);
    }
    assert.equal(running.engine.aborted.length, 2);
    assert.deepEqual(running.logs.map(({ status }) => status), [499, 499]);
  });
});

Deno.test("a whole answer that fails late breaks the connection", async () => {
  const delayMs = 20;
  const fail = { at: (PATIENCE_MS + 500) / delayMs, error: new Error("boom") };
  await withServer({ engine: { answer: endless, delayMs, fail } }, async (running) => {
    await assert.rejects(
      () => running.client.chat.completions.create({ model: "demo", messages: MESSAGES }),
      /reading a body/,
    );
    await settled(running);
    const [request, ending] = running.logs;
    assert.deepEqual([ending.event, ending.error], ["response_broken", "boom"]);
    assert.equal(request.status, 500);
    assert.match(String(request.error), /boom/);
  });
});

Deno.test("a port that is taken is named in the error", async () => {
  await withServer({}, async ({ url, engine, lifecycle, logger }) => {
    const port = Number(new URL(url).port);
    const stop = AbortSignal.abort();
    const fetch = () => new Response();
    const second = { fetch, engine, lifecycle, logger, host: "127.0.0.1", port, drainMs: 0, stop };
    await assert.rejects(() => serve(second), { message: new RegExp(`127.0.0.1:${port}.*--port`) });
  });
});

Deno.test("stopping drains: readiness 503 at once, the running stream ends well, exit code 0", async () => {
  await withServer({ engine: { delayMs: 8 } }, async ({ client, url, stop, exitCode }) => {
    const stream = await client.chat.completions.create({
      model: "demo",
      messages: MESSAGES,
      stream: true,
    });
    stop();
    await new Promise((resolve) => setTimeout(resolve, 10));
    const ready = await fetch(`${url}/ready`);
    assert.equal(ready.status, 503);
    await ready.body?.cancel();
    await assert.rejects(
      () => client.chat.completions.create({ model: "demo", messages: MESSAGES }),
      (error) => error instanceof OpenAI.APIError && error.status === 503,
    );
    let text = "";
    for await (const chunk of stream) text += chunk.choices[0].delta.content ?? "";
    assert.equal(text, DEFAULT_ANSWER);
    assert.equal(await exitCode, 0);
  });
});

Deno.test("the drain's deadline cuts endless streams off, exit code 0", async () => {
  const engine = { answer: endless, delayMs: 10 };
  await withServer({ engine, drainMs: 50 }, async ({ client, stop, exitCode }) => {
    const stream = await client.chat.completions.create({
      model: "demo",
      messages: MESSAGES,
      stream: true,
    });
    stop();
    await assert.rejects(async () => {
      for await (const _ of stream) { /* until it is cut */ }
    }, /shut down/);
    assert.equal(await exitCode, 0);
  });
});

Deno.test("a lost device ends streams with an error event and the server with exit code 1", async () => {
  const engine = { answer: endless, delayMs: 10 };
  await withServer({ engine }, async (running) => {
    const stream = await running.client.chat.completions.create({
      model: "demo",
      messages: MESSAGES,
      stream: true,
    });
    running.engine.lose();
    await assert.rejects(async () => {
      for await (const _ of stream) { /* until it fails */ }
    }, /device was lost/);
    assert.equal(await running.exitCode, 1);
  });
});

Deno.test("a device lost while draining still gives exit code 1", async () => {
  const engine = { answer: endless, delayMs: 10 };
  await withServer({ engine, drainMs: 10_000 }, async (running) => {
    const stream = await running.client.chat.completions.create({
      model: "demo",
      messages: MESSAGES,
      stream: true,
    });
    running.stop();
    await new Promise((resolve) => setTimeout(resolve, 30));
    running.engine.lose();
    await assert.rejects(async () => {
      for await (const _ of stream) { /* until it fails */ }
    }, /device was lost/);
    assert.equal(await running.exitCode, 1);
  });
});

for (const [signals, code] of [[["SIGTERM"], 0], [["SIGTERM", "SIGINT"], 130]] as const) {
  Deno.test(`a process that gets ${signals.join(" and ")} exits with ${code}`, async () => {
    const script = new URL("../serve_fake.ts", import.meta.url).pathname;
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", script],
      stdout: "piped",
      stderr: "null",
    }).spawn();
    const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let url = "";
    while (!url.endsWith("\n")) url += (await output.read()).value ?? "\n";
    const response = await fetch(`${url.trim()}/v1/completions`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ model: "demo", prompt: "a", max_tokens: 200, stream: true }),
    });
    for (const signal of signals) {
      child.kill(signal);
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    const text = await response.text().catch(() => "");
    const status = await child.status;
    assert.equal(status.code, code);
    assert.equal(text.endsWith("[DONE]\n\n"), code === 0);
    await output.cancel();
  });
}

Deno.test("a server on loopback without a token knows its own machine's users by their connection", async () => {
  const settings = { adminToken: null, boundToLoopback: true };
  await withServer({ settings }, async ({ url, logs }) => {
    const list = await fetch(`${url}/v1/adapters`);
    assert.equal(list.status, 200, await list.text());
    const body = JSON.stringify({ url: "https://store.example/a" });
    const headers = { "content-type": "application/json" };
    const put = await fetch(`${url}/v1/adapters/fresh`, { method: "PUT", headers, body });
    assert.equal(put.status, 201, await put.text());
    const line = logs.find(({ event }) => event === "admin");
    assert.deepEqual([line?.peer, line?.proof], ["127.0.0.1", "local"]);
    const proxied = await fetch(`${url}/v1/adapters`, { headers: { via: "1.1 proxy" } });
    assert.equal(proxied.status, 403, await proxied.text());
  });
});

import assert from "node:assert/strict";
import { WeftError } from "../../engine/core/errors.ts";
import { replyTo } from "../../routes/errors.ts";
import { chat, createHarness, errorOf, readEvents, settled } from "./harness.ts";

const PATH = "/v1/chat/completions";

const INVALID: [fields: Record<string, unknown>, param: string][] = [
  [{ model: undefined }, "model"],
  [{ model: 3 }, "model"],
  [{ messages: undefined }, "messages"],
  [{ messages: [] }, "messages"],
  [{ messages: "hi" }, "messages"],
  [{ messages: [{ role: "robot", content: "a" }] }, "messages[0].role"],
  [{ messages: [{ role: "user" }] }, "messages[0].content"],
  [
    { messages: [{ role: "user", content: "a" }, { role: "user", content: 7 }] },
    "messages[1].content",
  ],
  [{ messages: [{ role: "user", content: "\ud800" }] }, "messages[0].content"],
  [{ temperature: "hot" }, "temperature"],
  [{ temperature: 2.1 }, "temperature"],
  [{ temperature: -0.1 }, "temperature"],
  [{ top_p: 1.5 }, "top_p"],
  [{ top_k: 1.5 }, "top_k"],
  [{ top_k: -2 }, "top_k"],
  [{ min_p: -1 }, "min_p"],
  [{ frequency_penalty: 3 }, "frequency_penalty"],
  [{ presence_penalty: -3 }, "presence_penalty"],
  [{ repetition_penalty: 0 }, "repetition_penalty"],
  [{ max_tokens: 0 }, "max_tokens"],
  [{ max_completion_tokens: -1 }, "max_completion_tokens"],
  [{ max_tokens: 5, max_completion_tokens: 6 }, "max_tokens"],
  [{ n: 0 }, "n"],
  [{ n: 17 }, "n"],
  [{ seed: 0.5 }, "seed"],
  [{ stream: "yes" }, "stream"],
  [{ stream_options: { include_usage: true } }, "stream_options"],
  [{ stop: ["a", "b", "c", "d", "e"] }, "stop"],
  [{ stop: ["a", ""] }, "stop[1]"],
  [{ stop: 5 }, "stop"],
  [{ stop_token_ids: [258] }, "stop_token_ids[0]"],
  [{ stop_token_ids: [-1] }, "stop_token_ids[0]"],
  [{ logprobs: 5 }, "logprobs"],
  [{ top_logprobs: 3 }, "top_logprobs"],
  [{ logprobs: true, top_logprobs: 21 }, "top_logprobs"],
  [{ logit_bias: { "258": 1 } }, "logit_bias"],
  [{ logit_bias: { "5": 101 } }, "logit_bias.5"],
  [{ logit_bias: { x: 1 } }, "logit_bias.x"],
  [{ logit_bias: [1] }, "logit_bias"],
  [{ lora: "sql" }, "lora"],
  [{ lora: [{ id: "sql" }, { id: "sql" }] }, "lora[1].id"],
  [{ lora: [{ id: "sql", scale: "1" }] }, "lora[0].scale"],
  [{ lora: [{ id: "sql", weight: 1 }] }, "lora[0]"],
  [{ lora: Array.from({ length: 9 }, (_, i) => ({ id: `a${i}` })) }, "lora"],
  [{ model: "sql", lora: [{ id: "poet" }] }, "lora"],
  [{ kv_policy: "recompute" }, "kv_policy"],
  [{ routing: {} }, "routing"],
  [{ model: "sql", routing: { mode: "top-1" } }, "routing"],
];

for (const [fields, param] of INVALID) {
  Deno.test(`${JSON.stringify(fields).slice(0, 70)} is refused with 400 naming ${param}`, async () => {
    const h = createHarness();
    const error = await errorOf(await h.post(PATH, chat(fields)), 400);
    assert.equal(error.param, param, error.message);
    assert.equal(error.type, "invalid_request_error");
    assert.equal(h.engine.requests.length, 0);
    await settled(h);
  });
}

const UNSUPPORTED: [fields: Record<string, unknown>, param: string][] = [
  [{ tools: [{ type: "function", function: { name: "f" } }] }, "tools"],
  [{ functions: [{ name: "f" }] }, "functions"],
  [{ response_format: { type: "json_object" } }, "response_format"],
  [{ response_format: { type: "json_schema", json_schema: {} } }, "response_format"],
  [{ min_tokens: 3 }, "min_tokens"],
  [{ best_of: 2 }, "best_of"],
  [{ modalities: ["text", "audio"] }, "modalities"],
  [{ guided_json: {} }, "guided_json"],
  [
    { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "x" } }] }] },
    "messages[0].content[0].type",
  ],
  [{ messages: [{ role: "tool", content: "x", tool_call_id: "1" }] }, "messages[0].role"],
  [{ messages: [{ role: "assistant", tool_calls: [{ id: "1" }] }] }, "messages[0]"],
];

for (const [fields, param] of UNSUPPORTED) {
  Deno.test(`${JSON.stringify(fields).slice(0, 70)} is unsupported: 422 naming ${param}`, async () => {
    const h = createHarness();
    const error = await errorOf(await h.post(PATH, chat(fields)), 422);
    assert.equal(error.param, param, error.message);
    assert.equal(error.code, "unsupported");
    assert.equal(h.engine.requests.length, 0);
  });
}

Deno.test("unsupported fields that ask for what happens anyway are taken", async () => {
  const h = createHarness();
  const neutral = {
    tools: [],
    tool_choice: "none",
    response_format: { type: "text" },
    best_of: 1,
    min_tokens: 0,
    modalities: ["text"],
  };
  assert.equal((await h.post(PATH, chat(neutral))).status, 200);
});

Deno.test("what an error quotes is cut short", async () => {
  const h = createHarness();
  const error = await errorOf(await h.post(PATH, chat({ temperature: "x".repeat(10_000) })), 400);
  assert.ok(error.message.length < 300, `${error.message.length} characters`);
});

Deno.test("unknown models and adapters are 404 model_not_found", async () => {
  const h = createHarness();
  const model = await errorOf(await h.post(PATH, chat({ model: "gpt-4" })), 404);
  assert.deepEqual([model.code, model.param], ["model_not_found", "model"]);
  assert.match(model.message, /"gpt-4"/);
  const lora = [{ id: "sql" }, { id: "nope" }];
  const adapter = await errorOf(await h.post(PATH, chat({ lora })), 404);
  assert.deepEqual([adapter.code, adapter.param], ["model_not_found", "lora[1].id"]);
});

Deno.test('the model "auto" is 503 until there is a router', async () => {
  const h = createHarness();
  const error = await errorOf(await h.post(PATH, chat({ model: "auto" })), 503);
  assert.deepEqual([error.code, error.param], ["no_router", "model"]);
});

Deno.test("a context that prompt and answer exceed is 400 with the numbers", async () => {
  const h = createHarness({ engine: { maxModelLen: 40 } });
  const tooMuch = await errorOf(await h.post(PATH, chat({ max_tokens: 25 })), 400);
  assert.equal(tooMuch.code, "context_length_exceeded");
  assert.match(tooMuch.message, /40 tokens.*\b20\b.*\b25\b/s);
  const long = [{ role: "user", content: "x".repeat(100) }];
  const tooLong = await errorOf(await h.post(PATH, chat({ messages: long })), 400);
  assert.equal(tooLong.code, "context_length_exceeded");
  assert.equal(tooLong.param, "messages");
  assert.equal((await h.post(PATH, chat({ max_tokens: 20 }))).status, 200);
});

Deno.test("a body that is no JSON object, or not said to be JSON, is refused", async () => {
  const h = createHarness();
  for (const body of ["{", "", "[]", "null", '"a"']) {
    await errorOf(await h.post(PATH, body), 400);
  }
  const form = await h.post(PATH, "{}", { "content-type": "application/x-www-form-urlencoded" });
  assert.equal((await errorOf(form, 415)).code, "unsupported_media_type");
  const notUtf8 = await h.app.request(PATH, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: Uint8Array.of(0x7b, 0xff, 0x7d),
  });
  assert.match((await errorOf(notUtf8, 400)).message, /UTF-8/);
});

Deno.test("a body over the limit is 413, announced or not, and is not read to its end", async () => {
  const h = createHarness({ settings: { maxBodyBytes: 1000 } });
  const announced = await h.post(PATH, " ".repeat(1001), { "content-length": "1001" });
  assert.equal((await errorOf(announced, 413)).code, "request_too_large");
  let pulled = 0;
  let cancelled = false;
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      pulled++;
      controller.enqueue(new Uint8Array(100).fill(32));
    },
    cancel() {
      cancelled = true;
    },
  });
  const response = await h.app.request(PATH, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: endless,
  });
  await errorOf(response, 413);
  assert.ok(cancelled);
  assert.ok(pulled < 20, `${pulled} pieces of 100 bytes read`);
});

Deno.test("unknown paths are 404, other methods 405 with Allow", async () => {
  const h = createHarness();
  await errorOf(await h.app.request("/v1/nothing"), 404);
  const get = await h.app.request(PATH);
  assert.equal((await errorOf(get, 405)).code, "method_not_allowed");
  assert.equal(get.headers.get("allow"), "POST");
  const post = await h.post("/v1/models", {});
  await errorOf(post, 405);
  assert.equal(post.headers.get("allow"), "GET");
});

for (const stream of [false, true]) {
  Deno.test(`a full queue is 429 with Retry-After (stream: ${stream})`, async () => {
    const h = createHarness({ engine: { capacity: 1 } });
    const response = await h.post(PATH, chat({ n: 2, stream }));
    const error = await errorOf(response, 429);
    assert.equal(error.type, "rate_limit_error");
    assert.equal(response.headers.get("retry-after"), "2");
    await settled(h);
  });
}

Deno.test("an adapter that cannot be loaded is 500 with the reason and releases the others", async () => {
  const h = createHarness();
  h.adapters.broken.add("poet");
  const lora = [{ id: "sql" }, { id: "poet" }, { id: "chef" }];
  const error = await errorOf(await h.post(PATH, chat({ lora })), 500);
  assert.equal(error.code, "bad_adapter");
  assert.match(error.message, /DoRA/);
  await settled(h);
});

Deno.test("an error in mid-stream is an error event, and nothing follows it", async () => {
  const error = new WeftError("device_lost", "The GPU device was lost");
  const h = createHarness({ engine: { fail: { at: 3, error } } });
  const response = await h.post(PATH, chat({ stream: true, model: "sql", n: 3 }));
  assert.equal(response.status, 200);
  const events = await readEvents(response);
  assert.deepEqual(events.at(-1), {
    error: {
      message: "The GPU device was lost",
      type: "server_error",
      param: null,
      code: "device_lost",
    },
  });
  assert.ok(events.slice(0, -1).every((event) => "choices" in event));
  assert.equal(h.logs.at(-1)?.status, 503);
  await settled(h);
});

Deno.test("when one answer fails, those that wait are not waited for", async () => {
  const error = new WeftError("overloaded", "Full");
  const delayMs = ({ id }: { id: string }) => id.endsWith("-0") ? 0 : 60_000;
  const h = createHarness({ engine: { delayMs, fail: { at: 0, error } } });
  const startedAt = performance.now();
  await errorOf(await h.post(PATH, chat({ n: 3 })), 429);
  assert.ok(performance.now() - startedAt < 5000);
  await settled(h);
});

Deno.test("a fault of ours is 500; its words stay in the log", async () => {
  const h = createHarness({ engine: { fail: { at: 1, error: new TypeError("secret detail") } } });
  const response = await h.post(PATH, chat(), { "x-request-id": "abc" });
  const error = await errorOf(response, 500);
  assert.doesNotMatch(error.message, /secret/);
  assert.match(error.message, /"abc"/);
  assert.match(String(h.logs.at(-1)?.error), /TypeError: secret detail/);
});

Deno.test("no log line holds a prompt, not even a refused one's", async () => {
  const h = createHarness();
  await h.post(PATH, chat({ messages: [{ role: "user", content: "SECRET" }] }));
  await h.post(PATH, chat({ messages: [{ role: "SECRET", content: "SECRET" }] }));
  await h.post(PATH, '{"messages": SECRET');
  assert.equal(h.logs.length, 3);
  assert.doesNotMatch(JSON.stringify(h.logs), /SECRET/);
});

Deno.test("every code has a status, and those worth waiting for say how long", () => {
  const statuses = {
    invalid_request: 400,
    unauthorized: 401,
    forbidden: 403,
    conflict: 409,
    origin_failed: 502,
    origin_timeout: 504,
    not_found: 404,
    too_large: 413,
    unsupported: 422,
    bad_adapter: 500,
    overloaded: 429,
    internal: 500,
    bad_model: 500,
    not_implemented: 501,
    unavailable: 503,
    device_lost: 503,
  } as const;
  for (const [code, status] of Object.entries(statuses)) {
    const reply = replyTo(new WeftError(code as keyof typeof statuses, "m"), "id");
    assert.equal(reply.status, status, code);
    assert.equal("retry-after" in reply.headers, [429, 502, 503, 504].includes(status), code);
    const permanent = ["bad_adapter", "bad_model", "not_implemented"].includes(code);
    assert.equal(reply.headers["x-should-retry"], permanent ? "false" : undefined, code);
  }
});

import assert from "node:assert/strict";
import { chat, createHarness, errorOf, readEvents, settled } from "./harness.ts";

const CHAT = "/v1/chat/completions";

Deno.test("the models list has the base first and adapters under it", async () => {
  const h = createHarness({ engine: { maxModelLen: 512 } });
  const body = await (await h.app.request("/v1/models")).json();
  assert.equal(body.object, "list");
  assert.deepEqual(body.data.map((m: { id: string }) => m.id), ["demo", "sql", "poet", "chef"]);
  assert.deepEqual(body.data[0], {
    id: "demo",
    object: "model",
    created: 1_800_000_000,
    owned_by: "weft",
    root: "models/demo",
    parent: null,
    max_model_len: 512,
  });
  assert.deepEqual(body.data[1], {
    id: "sql",
    object: "model",
    created: 1_800_000_000,
    owned_by: "weft",
    root: "adapters/sql",
    parent: "demo",
    max_model_len: 512,
  });
});

Deno.test("a model is found by its id, also one with slashes", async () => {
  const h = createHarness({ settings: { modelName: "owner/name" } });
  assert.equal((await (await h.app.request("/v1/models/sql")).json()).parent, "owner/name");
  for (const path of ["/v1/models/owner/name", "/v1/models/owner%2Fname"]) {
    assert.equal((await (await h.app.request(path)).json()).id, "owner/name");
  }
  const error = await errorOf(await h.app.request("/v1/models/nope"), 404);
  assert.equal(error.code, "model_not_found");
});

Deno.test("health tells how weights are stored", async () => {
  const h = createHarness();
  const { dtype, quantize } = await (await h.app.request("/health")).json();
  assert.deepEqual([dtype, quantize], [h.engine.info.dtype, "none"]);
});

Deno.test("probes say ready, then draining, and a drain lets running streams end", async () => {
  const h = createHarness({ engine: { delayMs: 3 } });
  assert.equal((await h.app.request("/ready")).status, 200);
  const response = await h.post(CHAT, chat({ stream: true }));
  const drained = h.lifecycle.drain(5000);
  const ready = await h.app.request("/ready");
  assert.equal(ready.status, 503);
  assert.deepEqual(await ready.json(), { status: "draining" });
  assert.equal((await h.app.request("/live")).status, 200);
  assert.equal((await h.app.request("/health")).status, 503);
  const refused = await h.post(CHAT, chat());
  await errorOf(refused, 503);
  assert.ok(Number(refused.headers.get("retry-after")) > 0);
  assert.equal((await readEvents(response)).at(-1), "[DONE]");
  assert.equal(await drained, true);
});

Deno.test("a drain's deadline ends running streams with an error event", async () => {
  const h = createHarness({ engine: { delayMs: 20 } });
  const response = await h.post(CHAT, chat({ stream: true, n: 2 }));
  const reading = readEvents(response);
  assert.equal(await h.lifecycle.drain(30), false);
  const events = await reading;
  assert.equal(events.at(-1).error.code, "unavailable");
  assert.match(events.at(-1).error.message, /shut down/);
  assert.equal(h.engine.aborted.length, 2);
  await settled(h);
});

Deno.test("a drain does not wait for ever for a client that does not read", async () => {
  const h = createHarness();
  const response = await h.post(CHAT, chat({ stream: true }));
  const startedAt = performance.now();
  assert.equal(await h.lifecycle.drain(10), false);
  assert.ok(performance.now() - startedAt < 5000);
  await response.body?.cancel();
  await settled(h);
});

Deno.test("a lost device ends streams with an error event and readiness with 503", async () => {
  const h = createHarness({ engine: { delayMs: 5 } });
  const response = await h.post(CHAT, chat({ stream: true, model: "poet" }));
  h.engine.lose();
  h.lifecycle.markLost();
  const events = await readEvents(response);
  assert.equal(events.at(-1).error.code, "device_lost");
  assert.deepEqual(await (await h.app.request("/ready")).json(), { status: "lost" });
  await errorOf(await h.post(CHAT, chat()), 503);
  await settled(h);
});

Deno.test("metrics count requests, tokens and latencies, and mirror the engine", async () => {
  const h = createHarness({ engine: { answer: () => [97, 98, 99], burst: 2, cachedTokens: 4 } });
  await h.post(CHAT, chat());
  await h.post(CHAT, chat({ temperature: 9 }));
  await h.app.request("/v1/made-up-path");
  const response = await h.app.request("/metrics");
  assert.match(response.headers.get("content-type")!, /^text\/plain; version=0\.0\.4/);
  const page = await response.text();
  const value = (line: string) =>
    Number(page.split("\n").find((l) => l.startsWith(`${line} `))?.split(" ")[1]);
  assert.equal(value('weft_requests_total{endpoint="/v1/chat/completions",status="200"}'), 1);
  assert.equal(value('weft_requests_total{endpoint="/v1/chat/completions",status="400"}'), 1);
  assert.equal(value('weft_requests_total{endpoint="other",status="404"}'), 1);
  assert.equal(value("weft_prompt_tokens_total"), 20);
  assert.equal(value("weft_cached_prompt_tokens_total"), 4);
  assert.equal(value("weft_generated_tokens_total"), 4);
  assert.equal(value("weft_time_to_first_token_seconds_count"), 1);
  assert.equal(value("weft_inter_token_seconds_count"), 2);
  assert.equal(value('weft_request_duration_seconds_count{endpoint="/v1/chat/completions"}'), 2);
  assert.equal(value("weft_kv_cache_usage_ratio"), 0.25);
  assert.equal(value("weft_device_memory_bytes"), 4096);
  assert.equal(value("weft_adapters_resident"), 2);
  assert.equal(value("weft_adapter_loads_total"), 3);
  assert.equal(value("weft_ready"), 1);
  assert.equal(value("weft_requests_running"), 0);
});

Deno.test("two apps have metrics of their own", async () => {
  const [a, b] = [createHarness(), createHarness()];
  await a.post(CHAT, chat());
  assert.match((await a.metrics.render()).body, /weft_generated_tokens_total [1-9]/);
  assert.match((await b.metrics.render()).body, /weft_generated_tokens_total 0/);
});

Deno.test("keys guard /v1 and leave probes and metrics open", async () => {
  const h = createHarness({ settings: { apiKeys: ["key-one", "key-two"] } });
  for (const authorization of ["", "Bearer", "Bearer wrong", "Bearer key-on", "Basic key-one"]) {
    const response = await h.app.request("/v1/models", { headers: { authorization } });
    const error = await errorOf(response, 401);
    assert.equal(error.code, "invalid_api_key");
    assert.equal(response.headers.get("www-authenticate"), "Bearer");
  }
  await errorOf(await h.post(CHAT, chat()), 401);
  await errorOf(await h.app.request("/v1/nothing"), 401);
  for (const authorization of ["Bearer key-one", "bearer key-two"]) {
    const response = await h.app.request("/v1/models", { headers: { authorization } });
    assert.equal(response.status, 200);
  }
  for (const path of ["/live", "/ready", "/health", "/metrics"]) {
    assert.equal((await h.app.request(path)).status, 200, path);
  }
});

Deno.test("a sane request id is kept, another replaced; both are returned and logged", async () => {
  const h = createHarness();
  const kept = await h.post(CHAT, chat(), { "x-request-id": "trace-1.a:b_c" });
  assert.equal(kept.headers.get("x-request-id"), "trace-1.a:b_c");
  assert.equal(h.logs.at(-1)?.request_id, "trace-1.a:b_c");
  for (const bad of ["a b", "x".repeat(129), '"', "é"]) {
    const replaced = await h.post(CHAT, chat(), { "x-request-id": bad });
    assert.match(replaced.headers.get("x-request-id")!, /^[0-9a-f-]{36}$/);
  }
  const streamed = await h.post(CHAT, chat({ stream: true }), { "x-request-id": "s" });
  assert.equal(streamed.headers.get("x-request-id"), "s");
  await streamed.text();
  assert.equal((await h.post(CHAT, "{", { "x-request-id": "e" })).headers.get("x-request-id"), "e");
});

Deno.test("a request is one log line, a stream's written at its end", async () => {
  const h = createHarness({ engine: { answer: () => [97], cachedTokens: 2 } });
  const response = await h.post(CHAT, chat({ stream: true, model: "sql" }));
  assert.equal(h.logs.length, 0);
  await response.text();
  assert.equal(h.logs.length, 1);
  const { time, ms, request_id, ...line } = h.logs[0];
  assert.ok(typeof time === "string" && typeof ms === "number" && typeof request_id === "string");
  assert.deepEqual(line, {
    level: "info",
    event: "request",
    method: "POST",
    path: CHAT,
    status: 200,
    model: "sql",
    adapters: "sql:1",
    stream: true,
    prompt_tokens: 20,
    cached_tokens: 2,
    completion_tokens: 2,
    finish_reason: "stop",
  });
});

Deno.test("CORS is off unless an origin is allowed", async () => {
  const preflight = {
    method: "OPTIONS",
    headers: { origin: "https://a.example", "access-control-request-method": "POST" },
  };
  const off = await createHarness().app.request(CHAT, preflight);
  assert.equal(off.headers.get("access-control-allow-origin"), null);
  const settings = { corsOrigins: ["https://a.example"], apiKeys: ["k"] };
  const on = await createHarness({ settings }).app.request(CHAT, preflight);
  assert.equal(on.status, 204);
  assert.equal(on.headers.get("access-control-allow-origin"), "https://a.example");
});

import assert from "node:assert/strict";
import { adapterError, type AdapterReason } from "../../../adapters/mod.ts";
import { ADMIN_TOKEN, chat, createHarness, errorOf, type Json, settled } from "../harness.ts";

const NEW_GENERATION = "f".repeat(64);
const URL = "https://user:PASSWORD@store.example/a.tar?sig=SECRET";

Deno.test("an adapter is shown with exactly its fields", async () => {
  const h = createHarness();
  h.adapters.details.set("sql", {
    state: "ready",
    error: {
      code: "truncated",
      message: "It broke off",
      at: 1_800_000_000_900,
      retryAt: 1_800_000_001_100,
    },
    progress: { doneBytes: 3, totalBytes: null },
  });
  const shown = await (await h.admin("GET /v1/adapters/sql")).json();
  assert.deepEqual(shown, {
    name: "sql",
    url: "adapters/sql",
    generation: "aaaa",
    sha256: null,
    rank: 8,
    bytes: 1024,
    state: "ready",
    level: "ram",
    pinned: false,
    owner: "catalogue",
    target_modules: ["q_proj"],
    routing: { kind: "none", won: null, taken: null },
    progress: { done_bytes: 3, total_bytes: null },
    error: {
      code: "truncated",
      message: "It broke off",
      at: 1_800_000_000,
      retry_at: 1_800_000_002,
    },
  });
  const poet = await (await h.admin("GET /v1/adapters/poet")).json();
  assert.deepEqual([poet.error, poet.progress], [null, null]);
});

Deno.test("the list can be narrowed by state and level", async () => {
  const h = createHarness();
  h.adapters.details.set("sql", { state: "failed", level: "origin" });
  h.adapters.levels.set("chef", "gpu");
  const names = async (query: string) => {
    const body = await (await h.admin(`GET /v1/adapters${query}`)).json();
    assert.equal(body.object, "list");
    return body.data.map(({ name }: Json) => name);
  };
  assert.deepEqual(await names(""), ["sql", "poet", "chef"]);
  assert.deepEqual(await names("?state=failed"), ["sql"]);
  assert.deepEqual(await names("?state=ready&level=gpu"), ["chef"]);
  assert.deepEqual(await names("?level=disk"), []);
  for (
    const [query, param] of [["?state=bad", "state"], ["?level=", "level"], ["?stat=x", "stat"]]
  ) {
    assert.equal((await errorOf(await h.admin(`GET /v1/adapters${query}`), 400)).param, param);
  }
});

Deno.test("put waits for the new content: 201 for a new name, 200 for one that moved", async () => {
  const h = createHarness();
  const body = { url: URL, sha256: "A".repeat(64), pinned: true, expected_generation: null };
  const created = await h.admin("PUT /v1/adapters/fresh", { body });
  const shown = await created.json();
  assert.equal(created.status, 201, JSON.stringify(shown));
  assert.equal(created.headers.get("location"), "/v1/adapters/fresh");
  assert.equal(shown.generation, NEW_GENERATION);
  assert.equal(shown.pinned, true);
  const { signal, ...options } = h.adapters.puts[0].options;
  assert.ok(signal instanceof AbortSignal);
  assert.deepEqual(options, {
    url: URL,
    sha256: "a".repeat(64),
    expectedGeneration: null,
    pinned: true,
    examples: undefined,
  });

  const moved = await h.admin("PUT /v1/adapters/sql", { body: { url: "https://store.example/b" } });
  assert.equal(moved.status, 200);
  const { options: plain } = h.adapters.puts[1];
  assert.deepEqual([plain.sha256, plain.expectedGeneration, plain.pinned], [
    undefined,
    undefined,
    undefined,
  ]);
  await settled(h);
});

Deno.test("put without wait answers 202 with the state to poll, and the log tells the end", async () => {
  const h = createHarness();
  const gate = Promise.withResolvers<void>();
  h.adapters.gate = gate.promise;
  const response = await h.admin("PUT /v1/adapters/fresh", { body: { url: URL, wait: false } });
  assert.equal(response.status, 202);
  assert.equal(response.headers.get("location"), "/v1/adapters/fresh");
  const shown = await response.json();
  assert.deepEqual([shown.state, shown.generation, shown.progress], [
    "loading",
    null,
    { done_bytes: 5, total_bytes: 10 },
  ]);
  gate.resolve();
  await settled(h);
  const polled = await (await h.admin("GET /v1/adapters/fresh")).json();
  assert.deepEqual([polled.state, polled.generation], ["ready", NEW_GENERATION]);
  assert.equal(h.logs.find(({ event }) => event === "admin")?.generation, NEW_GENERATION);

  h.adapters.failures.set(URL, adapterError("truncated", "It broke off"));
  await h.admin("PUT /v1/adapters/other", { body: { url: URL, wait: false } });
  await settled(h);
  const failed = await (await h.admin("GET /v1/adapters/other")).json();
  assert.deepEqual([failed.state, failed.error.code], ["failed", "truncated"]);
  const line = h.logs.find(({ event }) => event === "admin_put_failed");
  assert.deepEqual([line?.level, line?.adapter, line?.code], ["warn", "other", "truncated"]);
});

const FAILURES: [reason: AdapterReason, status: number][] = [
  ["bad_url", 400],
  ["host_not_allowed", 403],
  ["address_not_allowed", 403],
  ["managed_by_manifest", 409],
  ["bad_adapter", 422],
  ["sha256_mismatch", 422],
  ["archive_bomb", 422],
  ["memory_full", 429],
  ["origin_not_found", 502],
  ["tls_failed", 502],
  ["disk_full", 503],
  ["idle_timeout", 504],
];

for (const [reason, status] of FAILURES) {
  Deno.test(`${reason} is ${status} to the admin who asked, on put and on refresh`, async () => {
    const h = createHarness();
    h.adapters.failures.set(URL, adapterError(reason, "why"));
    h.adapters.failures.set("sql", adapterError(reason, "why"));
    for (
      const response of [
        await h.admin("PUT /v1/adapters/poet", { body: { url: URL } }),
        await h.admin("POST /v1/adapters/sql/refresh"),
      ]
    ) {
      const error = await errorOf(response, status);
      assert.deepEqual([error.code, error.message], [reason, "why"]);
      assert.equal(response.headers.has("retry-after"), status === 429 || status >= 500);
    }
    await settled(h);
  });
}

Deno.test("bad content stays 500 to a request that names the adapter; origins' failures say when to retry", async () => {
  const h = createHarness();
  const post = () => h.post("/v1/chat/completions", chat({ model: "sql" }));
  h.adapters.broken.add("sql");
  const broken = await post();
  assert.equal((await errorOf(broken, 500)).code, "bad_adapter");
  assert.equal(broken.headers.get("x-should-retry"), "false");
  const failure = adapterError("connect_timeout", "slow", { retryAfterSeconds: 17 });
  h.adapters.failures.set("sql", failure);
  const late = await post();
  assert.equal((await errorOf(late, 504)).code, "connect_timeout");
  assert.equal(late.headers.get("retry-after"), "17");
  await settled(h);
});

Deno.test("what needs no origin is refused at once, whether or not the admin waits", async () => {
  const h = createHarness();
  const conflict = { url: URL, expected_generation: "b".repeat(64) };
  for (const wait of [true, false]) {
    const response = await h.admin("PUT /v1/adapters/sql", { body: { ...conflict, wait } });
    assert.equal((await errorOf(response, 409)).code, "generation_conflict");
    const scheme = await h.admin("PUT /v1/adapters/x", { body: { url: "ftp://a/b", wait } });
    assert.equal((await errorOf(scheme, 403)).code, "scheme_not_allowed");
    const taken = await h.admin("PUT /v1/adapters/sql", {
      body: { url: URL, expected_generation: null, wait },
    });
    await errorOf(taken, 409);
  }
  assert.equal(h.adapters.get("x"), undefined);
  assert.equal(h.adapters.get("sql")?.generation, "aaaa");
  await settled(h);
});

Deno.test("names that mean something else are taken", async () => {
  const h = createHarness();
  for (const name of ["demo", "auto"]) {
    const response = await h.admin(`PUT /v1/adapters/${name}`, { body: { url: URL } });
    assert.equal((await errorOf(response, 409)).code, "name_taken");
  }
  assert.equal(h.adapters.puts.length, 0);
});

const BAD_NAMES = [
  "a%2Fb",
  "a%20b",
  "%00",
  "x".repeat(129),
  "%ZZ",
  "é",
  ".%2E%2Fetc",
  "a%0Ab",
  "*",
];

Deno.test("names no adapter can have are 400 on every path, with a slash 404", async () => {
  const h = createHarness();
  for (const name of BAD_NAMES) {
    for (
      const line of ["GET X", "PUT X", "DELETE X", "POST X/pin", "POST X/unpin", "POST X/refresh"]
    ) {
      const response = await h.admin(line.replace("X", `/v1/adapters/${name}`), {
        ...line.startsWith("PUT") ? { body: { url: URL } } : {},
      });
      assert.equal((await errorOf(response, 400)).code, "bad_name", `${line} ${name}`);
    }
  }
  assert.equal((await errorOf(await h.admin("GET /v1/adapters/a/b"), 404)).code, "unknown_url");
  assert.deepEqual([h.adapters.calls, h.adapters.puts], [[], []]);
});

const BAD_BODIES: [body: unknown, param: string | null][] = [
  [{}, "url"],
  [{ url: "" }, "url"],
  [{ url: 5 }, "url"],
  [{ url: `https://a/${"x".repeat(8192)}?sig=SECRET` }, "url"],
  [{ url: "https://a/\ud800?sig=SECRET" }, "url"],
  [{ url: URL, sha256: "abc" }, "sha256"],
  [{ url: URL, expected_generation: 1 }, "expected_generation"],
  [{ url: URL, expected_generation: "aaaa" }, "expected_generation"],
  [{ url: URL, pinned: "yes" }, "pinned"],
  [{ url: URL, wait: null }, "wait"],
  [{ url: URL, expectedGeneration: null }, "expectedGeneration"],
  [{ ulr: URL, url: "https://a" }, "ulr"],
  [`{"url": "${URL}", SECRET}`, null],
  [`SECRET`, null],
  [[URL], null],
];

for (const [body, param] of BAD_BODIES) {
  Deno.test(`put of ${JSON.stringify(body).slice(0, 60)} is 400 and repeats no secret`, async () => {
    const h = createHarness();
    const response = await h.admin("PUT /v1/adapters/sql", { body });
    const error = await errorOf(response, 400);
    assert.equal(error.param, param, error.message);
    assert.doesNotMatch(JSON.stringify([error, h.logs]), /SECRET|PASSWORD/);
    assert.equal(h.adapters.puts.length, 0);
  });
}

Deno.test("a generation's URL is repeated without secrets where a request is wrong", async () => {
  const h = createHarness();
  const entries = [
    { url: URL, id: "sql" },
    { url: URL, weight: 1 },
    { ulr: URL },
    { url: URL, scale: "1" },
    { url: [URL] },
    URL,
  ];
  for (const entry of entries) {
    const response = await h.post("/v1/chat/completions", chat({ lora: [entry] }));
    const error = await errorOf(response, 400);
    assert.match(error.param, /^lora\[0\]/);
    assert.doesNotMatch(JSON.stringify(error), /SECRET|PASSWORD/, JSON.stringify(entry));
  }
});

Deno.test("delete is 204, and the name is unknown at once everywhere", async () => {
  const h = createHarness();
  const deleted = await h.admin("DELETE /v1/adapters/sql");
  assert.equal(deleted.status, 204);
  assert.equal(await deleted.text(), "");
  for (const line of ["GET X", "DELETE X", "POST X/pin", "POST X/unpin", "POST X/refresh"]) {
    const response = await h.admin(line.replace("X", "/v1/adapters/sql"));
    assert.equal((await errorOf(response, 404)).code, "adapter_not_found", line);
  }
  assert.equal((await h.app.request("/v1/models/sql")).status, 404);
  const request = await h.post("/v1/chat/completions", chat({ model: "sql" }));
  assert.equal((await errorOf(request, 404)).code, "model_not_found");
});

Deno.test("a name deleted while a request waits for it is 404 as an unknown model", async () => {
  const h = createHarness();
  const gate = Promise.withResolvers<void>();
  h.adapters.gate = gate.promise;
  const lora = [{ id: "poet" }, { id: "sql" }];
  const pending = h.post("/v1/chat/completions", chat({ lora }));
  await new Promise((resolve) => setTimeout(resolve, 5));
  h.adapters.delete("sql");
  gate.resolve();
  const error = await errorOf(await pending, 404);
  assert.deepEqual([error.code, error.param], ["model_not_found", "lora[1].id"]);
  await settled(h);
});

Deno.test("pin, unpin and refresh answer with the adapter as it then stands", async () => {
  const h = createHarness();
  const post = async (action: string) =>
    await (await h.admin(`POST /v1/adapters/sql/${action}`)).json();
  assert.equal((await post("pin")).pinned, true);
  assert.equal((await post("refresh")).pinned, true);
  assert.equal((await post("unpin")).pinned, false);
  assert.deepEqual(h.adapters.calls, ["refresh sql"]);
});

Deno.test("the catalogues are listed anew on demand", async () => {
  const h = createHarness();
  const body = await (await h.admin("POST /v1/adapters/refresh")).json();
  assert.deepEqual(body.data.map(({ name }: Json) => name), ["sql", "poet", "chef", "found"]);
});

Deno.test("a client that leaves takes its put back and no put without wait", async () => {
  const h = createHarness();
  const gate = Promise.withResolvers<void>();
  h.adapters.gate = gate.promise;
  const client = new AbortController();
  const waiting = h.admin("PUT /v1/adapters/sql", { body: { url: URL }, signal: client.signal });
  const stays = await h.admin("PUT /v1/adapters/poet", {
    body: { url: URL, wait: false },
    signal: client.signal,
  });
  assert.equal(stays.status, 202);
  while (h.adapters.puts.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
  client.abort();
  assert.equal((await waiting).status, 499);
  gate.resolve();
  await settled(h);
  assert.equal(h.adapters.get("sql")?.generation, "aaaa");
  assert.equal(h.adapters.get("poet")?.generation, NEW_GENERATION);
});

Deno.test("a put that takes long is waited for without an early status", async () => {
  const h = createHarness();
  const gate = Promise.withResolvers<void>();
  h.adapters.gate = gate.promise;
  h.adapters.failures.set(URL, adapterError("truncated", "why"));
  const timer = setTimeout(gate.resolve, 3300);
  await errorOf(await h.admin("PUT /v1/adapters/sql", { body: { url: URL } }), 502);
  clearTimeout(timer);
  await settled(h);
});

Deno.test("shutting down refuses new orders and ends what still runs at the deadline", async () => {
  const h = createHarness();
  h.adapters.gate = new Promise(() => {});
  const waiting = h.admin("PUT /v1/adapters/sql", { body: { url: URL } });
  await h.admin("PUT /v1/adapters/poet", { body: { url: URL, wait: false } });
  const drained = h.lifecycle.drain(20);
  const late = await h.admin("PUT /v1/adapters/chef", { body: { url: URL } });
  assert.equal((await errorOf(late, 503)).code, "unavailable");
  assert.equal(await drained, false);
  assert.match((await errorOf(await waiting, 503)).message, /shut down/);
  await settled(h);
  assert.equal(h.adapters.puts.length, 2);
});

Deno.test("each action is a line that says who and what, with no secret of a URL", async () => {
  const h = createHarness();
  const connection = {
    remoteAddr: { transport: "tcp", hostname: "10.0.0.9", port: 5 },
  } as const;
  const headers = { authorization: `Bearer ${ADMIN_TOKEN}`, "x-request-id": "r1" };
  const act = (line: string, body?: unknown) => h.admin(line, { body, headers, connection });
  await act("PUT /v1/adapters/sql", { url: URL });
  await act("POST /v1/adapters/sql/pin");
  await act("POST /v1/adapters/refresh");
  await act("DELETE /v1/adapters/sql");
  const lines = h.logs.filter(({ event }) => event === "admin");
  assert.deepEqual(lines.map(({ action }) => action), ["put", "pin", "refresh_all", "delete"]);
  for (const { request_id, peer, proof } of lines) {
    assert.deepEqual([request_id, peer, proof], ["r1", "10.0.0.9", "token"]);
  }
  assert.deepEqual([lines[0].adapter, lines[0].generation], ["sql", NEW_GENERATION]);
  assert.equal(lines[3].generation, NEW_GENERATION);
  assert.doesNotMatch(JSON.stringify(h.logs), /SECRET/);
});

Deno.test("other methods are 405 with what there is", async () => {
  const h = createHarness();
  const allows: [line: string, allow: string][] = [
    ["POST /v1/adapters", "GET"],
    ["PATCH /v1/adapters/sql", "GET, PUT, DELETE"],
    ["GET /v1/adapters/sql/pin", "POST"],
    ["GET /v1/load_lora_adapter", "POST"],
  ];
  for (const [line, allow] of allows) {
    const response = await h.admin(line);
    await errorOf(response, 405);
    assert.equal(response.headers.get("allow"), allow, line);
  }
});

Deno.test("admin paths are counted under a bounded set of labels", async () => {
  const h = createHarness();
  await h.admin("GET /v1/adapters/sql");
  await h.admin("GET /v1/adapters/made-up");
  await h.admin("POST /v1/adapters/sql/pin");
  await h.admin("POST /v1/adapters/sql/made-up");
  const { body } = await h.metrics.render();
  const labels = [
    ...body.matchAll(/weft_requests_total\{endpoint="([^"]+)",status="(\d+)"\} (\d+)/g),
  ];
  assert.deepEqual(labels.map(([, ...parts]) => parts.join(" ")).sort(), [
    "/v1/adapters/{name} 200 1",
    "/v1/adapters/{name} 404 1",
    "/v1/adapters/{name}/pin 200 1",
    "other 404 1",
  ]);
});

import assert from "node:assert/strict";
import type { ConnectionInfo } from "../../routes/mod.ts";
import {
  ADMIN_TOKEN,
  type AdminRequest,
  chat,
  createHarness,
  errorOf,
  settled,
} from "./harness.ts";

const ENDPOINTS = [
  "GET /v1/adapters",
  "HEAD /v1/adapters",
  "POST /v1/adapters/refresh",
  "GET /v1/adapters/sql",
  "PUT /v1/adapters/sql",
  "DELETE /v1/adapters/sql",
  "POST /v1/adapters/sql/pin",
  "POST /v1/adapters/sql/unpin",
  "POST /v1/adapters/sql/refresh",
  "POST /v1/load_lora_adapter",
  "POST /v1/unload_lora_adapter",
  // What doesn't exist is not told to strangers either.
  "PATCH /v1/adapters/sql",
  "GET /v1/adapters/a/b/c",
];

const LOOPBACK: ConnectionInfo = {
  remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 50_000 },
};
const LOCAL = { connection: LOOPBACK, headers: { host: "localhost:8000" } };

for (const line of ENDPOINTS) {
  Deno.test(`${line} asks for the admin token and changes nothing without it`, async () => {
    const h = createHarness({ settings: { apiKeys: ["key"], boundToLoopback: true } });
    const before = JSON.stringify(h.adapters.list());
    const refusals: [headers: Record<string, string>, code: string][] = [
      [{}, "admin_token_required"],
      [{ authorization: "Bearer key" }, "invalid_admin_token"],
      [{ authorization: `Basic ${ADMIN_TOKEN}` }, "admin_token_required"],
      [{ authorization: `Bearer ${ADMIN_TOKEN}x` }, "invalid_admin_token"],
      [{ authorization: `Bearer ${ADMIN_TOKEN.slice(0, -1)}` }, "invalid_admin_token"],
      [{ "x-weft-admin-token": "" }, "invalid_admin_token"],
      [
        { "x-weft-admin-token": "wrong", authorization: `Bearer ${ADMIN_TOKEN}` },
        "invalid_admin_token",
      ],
    ];
    for (const [headers, code] of refusals) {
      const response = await h.admin(line, {
        headers: { host: "localhost", ...headers },
        connection: LOOPBACK,
      });
      assert.equal(response.status, 401);
      assert.equal(response.headers.get("www-authenticate"), "Bearer");
      if (!line.startsWith("HEAD")) assert.equal((await errorOf(response, 401)).code, code);
      const warning = h.logs.find(({ event }) => event === "admin_refused");
      assert.equal(warning?.level, "warn");
      assert.equal(warning?.code, code);
      h.logs.length = 0;
    }
    assert.equal(JSON.stringify(h.adapters.list()), before);
    assert.deepEqual(h.adapters.calls, []);
  });
}

Deno.test("the admin token stands in for an API key, beside one too, on admin endpoints alone", async () => {
  const h = createHarness({ settings: { apiKeys: ["key"] } });
  const token = { "x-weft-admin-token": ADMIN_TOKEN };
  for (
    const headers of [
      { authorization: `Bearer ${ADMIN_TOKEN}` },
      token,
      { ...token, authorization: "Bearer key" },
    ]
  ) {
    assert.equal((await h.admin("GET /v1/adapters", { headers })).status, 200);
  }
  const models = await h.admin("GET /v1/models");
  assert.equal((await errorOf(models, 401)).code, "invalid_api_key");
});

Deno.test("without a token configured, admin endpoints are off but for this machine's users", async () => {
  const h = createHarness({ settings: { adminToken: null, boundToLoopback: true } });
  const local = await h.admin("GET /v1/adapters", LOCAL);
  assert.equal(local.status, 200);
  const elsewhere: ConnectionInfo = {
    remoteAddr: { transport: "tcp", hostname: "10.1.2.3", port: 1 },
  };
  const foreign: AdminRequest[] = [
    { ...LOCAL, connection: elsewhere },
    { ...LOCAL, connection: {} },
    { ...LOCAL, headers: { host: "evil.example" } },
    { ...LOCAL, headers: { host: "localhost:8000", "x-forwarded-for": "127.0.0.1" } },
    { ...LOCAL, headers: { host: "localhost:8000", origin: "https://evil.example" } },
    { connection: elsewhere, headers: { authorization: "Bearer guess" } },
  ];
  for (const request of foreign) {
    const error = await errorOf(await h.admin("GET /v1/adapters", request), 403);
    assert.equal(error.code, "admin_off");
    assert.match(error.message, /WEFT_ADMIN_TOKEN/);
  }
  const peers = h.logs.filter(({ event }) => event === "admin_refused").map(({ peer }) => peer);
  assert.deepEqual(peers, [
    "10.1.2.3",
    "unknown",
    "127.0.0.1",
    "127.0.0.1",
    "127.0.0.1",
    "10.1.2.3",
  ]);

  const open = createHarness({ settings: { adminToken: null, boundToLoopback: false } });
  assert.equal((await errorOf(await open.admin("GET /v1/adapters", LOCAL), 403)).code, "admin_off");
});

Deno.test("being local replaces the admin token, not the API key", async () => {
  const settings = { adminToken: null, boundToLoopback: true, apiKeys: ["key"] };
  const h = createHarness({ settings });
  const refused = await h.admin("GET /v1/adapters", LOCAL);
  assert.equal((await errorOf(refused, 401)).code, "invalid_api_key");
  const headers = { ...LOCAL.headers, authorization: "Bearer key" };
  assert.equal((await h.admin("GET /v1/adapters", { ...LOCAL, headers })).status, 200);
});

const URL_FIELDS = { lora: [{ url: "https://store.example/a?sig=SECRET", scale: 0.5 }] };

Deno.test("a URL in a request is refused unless it is switched on and an admin asks", async () => {
  const off = createHarness();
  const token = { "x-weft-admin-token": ADMIN_TOKEN };
  for (const path of ["/v1/chat/completions", "/v1/completions"]) {
    const body = { ...chat(URL_FIELDS), prompt: "a" };
    assert.equal((await errorOf(await off.post(path, body, token), 403)).code, "request_urls_off");

    const on = createHarness({ settings: { allowRequestUrls: true, apiKeys: ["key"] } });
    const key = { authorization: "Bearer key" };
    const codes: [headers: Record<string, string>, status: number, code: string][] = [
      [key, 401, "admin_token_required"],
      [{ ...key, "x-weft-admin-token": "wrong" }, 401, "invalid_admin_token"],
      [token, 401, "invalid_api_key"],
    ];
    for (const [headers, status, code] of codes) {
      assert.equal((await errorOf(await on.post(path, body, headers), status)).code, code);
    }
    assert.equal(on.engine.requests.length, 0);
    const answer = await (await on.post(path, body, { ...key, ...token })).json();
    assert.deepEqual(answer.weft.adapters, [
      { id: "https://store.example/a", generation: "eeee", weight: 0.5, cache: "ram" },
    ]);
    assert.doesNotMatch(JSON.stringify(on.logs), /SECRET/);
    await settled(on);
  }
});

Deno.test("a local user's request may name a URL where there is no token", async () => {
  const settings = { adminToken: null, boundToLoopback: true, allowRequestUrls: true };
  const h = createHarness({ settings });
  const line = "POST /v1/chat/completions";
  assert.equal((await h.admin(line, { ...LOCAL, body: chat(URL_FIELDS) })).status, 200);
  const error = await errorOf(await h.admin(line, { body: chat(URL_FIELDS), headers: {} }), 403);
  assert.equal(error.code, "admin_off");
  await settled(h);
});

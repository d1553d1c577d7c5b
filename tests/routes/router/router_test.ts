import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { routerFile } from "../fake_router.ts";
import { createHarness, errorOf, type Harness, type Json, settled } from "../harness.ts";

const URL_A = "https://user:HIDDEN@store.example/a.onnx?sig=HIDDEN";
const URL_B = "https://store.example/b.onnx";

function put(h: Harness, url: string, info: Json): string {
  const file = typeof info === "string" ? new TextEncoder().encode(info) : routerFile(info);
  h.routers.files.set(url, file);
  return createHash("sha256").update(file).digest("hex");
}

Deno.test("a router is put in place by URL, shown everywhere, and taken away again", async () => {
  const h = createHarness();
  await errorOf(await h.admin("GET /v1/router"), 404);
  const generation = put(h, URL_A, { version: "7", labels: ["sql", "stranger"] });
  const response = await h.admin("POST /v1/router", { body: { url: URL_A } });
  const shown = await response.json();
  assert.equal(response.status, 200, JSON.stringify(shown));
  assert.deepEqual(shown, {
    object: "router",
    generation,
    version: "7",
    url: "https://store.example/a.onnx",
    source: "api",
    max_tokens: 256,
    temperature: 1,
    top_p: 0.8,
    min_confidence: 0.25,
    features: 64,
    classes: [
      { id: "sql", generation: "aaaa", on: true },
      { id: "stranger", generation: null, on: false },
    ],
    prototypes: [],
  });
  assert.deepEqual(await (await h.admin("GET /v1/router")).json(), shown);
  const { data } = await (await h.app.request("/v1/models")).json();
  assert.deepEqual(data.map(({ id }: Json) => id), ["demo", "auto", "sql", "poet", "chef"]);
  assert.deepEqual([data[1].root, data[1].parent], ["https://store.example/a.onnx", "demo"]);
  assert.equal((await h.app.request("/v1/models/auto")).status, 200);
  const { router } = await (await h.app.request("/health")).json();
  assert.deepEqual(router, { generation, version: "7", classes: 2, prototypes: 0 });
  assert.equal((await h.admin("DELETE /v1/router")).status, 204);
  const gone = await errorOf(await h.admin("DELETE /v1/router"), 404);
  assert.equal(gone.code, "no_router");
  assert.equal((await (await h.app.request("/health")).json()).router, null);
  assert.equal((await h.app.request("/v1/models/auto")).status, 404);
  const actions = h.logs.filter(({ event }) => event === "admin").map(({ action }) => action);
  assert.deepEqual(actions, ["put_router", "delete_router"]);
  assert.doesNotMatch(JSON.stringify(h.logs), /HIDDEN/);
  await settled(h);
});

Deno.test("a swap that fails leaves the router that is there, and says why", async () => {
  const h = createHarness();
  const generation = put(h, URL_A, { version: "1" });
  await h.admin("POST /v1/router", { body: { url: URL_A } });
  put(h, URL_B, "no router");
  const digits = "1".repeat(64);
  const cases: [body: Json, status: number, code: string][] = [
    [{ url: URL_B }, 422, "bad_router"],
    [{ url: "https://store.example/none" }, 502, "origin_not_found"],
    [{ url: "ftp://store.example/a" }, 403, "scheme_not_allowed"],
    [{ url: URL_A, sha256: digits }, 422, "sha256_mismatch"],
    [{ url: URL_A, expected_generation: digits }, 409, "generation_conflict"],
    [{ url: URL_A, expected_generation: null }, 409, "generation_conflict"],
  ];
  for (const [body, status, code] of cases) {
    const error = await errorOf(await h.admin("POST /v1/router", { body }), status);
    assert.equal(error.code, code, error.message);
    assert.doesNotMatch(error.message, /HIDDEN/);
    assert.equal(h.engine.router.info?.generation, generation);
    assert.equal(h.routers.latest?.router?.generation, generation);
  }
  const same = { url: URL_A, sha256: generation, expected_generation: generation };
  assert.equal((await h.admin("POST /v1/router", { body: same })).status, 200);
  await settled(h);
});

Deno.test("bodies are strict, and other methods are 405", async () => {
  const h = createHarness();
  for (const [body, param] of [[{}, "url"], [{ url: URL_A, wait: true }, "wait"]] as const) {
    const error = await errorOf(await h.admin("POST /v1/router", { body }), 400);
    assert.equal(error.param, param);
  }
  await errorOf(await h.admin("PUT /v1/router", { body: {} }), 405);
});

Deno.test("a newer order ends one that still fetches; one that is refused doesn't", async () => {
  const h = createHarness();
  put(h, URL_A, { version: "1" });
  const generation = put(h, URL_B, { version: "2" });
  const gate = Promise.withResolvers<void>();
  h.routers.gate = gate.promise;
  const older = h.admin("POST /v1/router", { body: { url: URL_A } });
  await new Promise((resolve) => setTimeout(resolve, 5));
  const refused = { url: URL_B, expected_generation: "1".repeat(64) };
  await errorOf(await h.admin("POST /v1/router", { body: refused }), 409);
  const newer = h.admin("POST /v1/router", { body: { url: URL_B } });
  const error = await errorOf(await older, 409);
  assert.equal(error.code, "generation_conflict");
  gate.resolve();
  assert.equal((await newer).status, 200);
  assert.deepEqual(h.engine.router.opened, [generation]);
  await settled(h);
});

Deno.test("nobody but an admin sees or changes the router", async () => {
  const h = createHarness({ settings: { apiKeys: ["key"] } });
  for (const line of ["GET /v1/router", "POST /v1/router", "DELETE /v1/router"]) {
    const headers = { authorization: "Bearer key" };
    const error = await errorOf(await h.admin(line, { headers }), 401);
    assert.equal(error.code, "invalid_admin_token");
  }
});

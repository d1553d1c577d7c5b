/** The adapters API on the real server: orders, expectations, tokens, URLs in requests, vLLM's endpoints. */
import assert from "node:assert/strict";
import { object } from "../adapters/faults.ts";
import { AdapterOrigin, demoContents } from "./adapter_origin.ts";
import { ask, chatBody, stream } from "./requests.ts";
import { type Json, pause, stepsOf, type TestServer, withServer } from "./server_process.ts";

const TOKEN = "an-admin-token";
const KEY = "an-api-key";
const SECRET = "s3cr3t-signature";

Deno.test("orders for adapters: swaps, expectations, pins, tokens, URLs in requests", async (t) => {
  const step = stepsOf(t);
  const [one, two, three] = demoContents().values();
  await using origin = new AdapterOrigin();
  origin.place("one", one);
  origin.place("two", two);
  const flags = [
    ...origin.flags,
    "--allow-request-urls",
    "--admin-token",
    TOKEN,
    "--api-key",
    KEY,
    "--adapters",
    await Deno.makeTempDir(),
  ];
  await withServer({ flags, apiKey: KEY }, async (server) => {
    const admin = orders(server, TOKEN);
    let first = "";

    await step("an API key is not the admin token", async () => {
      for (const [token, code] of [[KEY, "invalid_admin_token"], ["x", "invalid_admin_token"]]) {
        const { status, body } = await orders(server, token)("GET", "adapters");
        assert.deepEqual([status, body.error.code], [401, code]);
      }
      const bare = await fetch(`${server.url}/v1/adapters`);
      assert.deepEqual([bare.status, (await bare.json()).error.code], [
        401,
        "admin_token_required",
      ]);
    });

    await step("a new name, the same URL with new content, another URL", async () => {
      const created = await admin("PUT", "adapters/sql", {
        url: `${origin.url("one")}?sig=${SECRET}`,
      });
      assert.equal(created.status, 201);
      first = created.body.generation;
      const { name, url, generation, sha256, rank, bytes, state, pinned, error } = created.body;
      assert.equal(name, "sql");
      assert.equal(url, origin.url("one"));
      assert.match(generation, /^[0-9a-f]{64}$/);
      const weights = await crypto.subtle.digest("SHA-256", one.weights);
      assert.equal(sha256, new Uint8Array(weights).toHex());
      assert.ok(rank > 0 && bytes > 0);
      assert.deepEqual([state, pinned, error], ["ready", false, null]);

      origin.place("one", three);
      const changed = await admin("PUT", "adapters/sql", { url: origin.url("one") });
      assert.equal(changed.status, 200);
      assert.notEqual(changed.body.generation, first);
      origin.place("one", one);
      const refreshed = await admin("POST", "adapters/sql/refresh");
      assert.equal(refreshed.body.generation, first);
    });

    await step("expectations: a generation, none, pinned content", async () => {
      const url = origin.url("two");
      const wrong = { url, expected_generation: "0".repeat(64) };
      for (const body of [wrong, { url, expected_generation: null }]) {
        const refused = await admin("PUT", "adapters/sql", body);
        assert.deepEqual([refused.status, refused.body.error.code], [409, "generation_conflict"]);
      }
      const mismatch = await admin("PUT", "adapters/sql", { url, sha256: "0".repeat(64) });
      assert.deepEqual([mismatch.status, mismatch.body.error.code], [422, "sha256_mismatch"]);
      assert.equal((await admin("GET", "adapters/sql")).body.generation, first);
      const met = await admin("PUT", "adapters/sql", { url, expected_generation: first });
      assert.equal(met.status, 200);
      const { sha256, generation } = met.body;
      for (const pin of [sha256, generation]) {
        assert.equal((await admin("PUT", "adapters/sql", { url, sha256: pin })).status, 200);
      }
    });

    await step("an order that nobody waits for is followed by its state", async () => {
      const { paths } = origin.server;
      paths.set("/slow/adapter_config.json", object(one.config));
      const slow = { chunkBytes: 4000, pauseMs: 100 };
      paths.set("/slow/adapter_model.safetensors", object(one.weights, slow));
      const accepted = await admin("PUT", "adapters/slow", {
        url: origin.url("slow"),
        wait: false,
      });
      assert.equal(accepted.status, 202);
      let progress = 0;
      for (;;) {
        const { body } = await admin("GET", "adapters/slow");
        if (body.progress) progress = Math.max(progress, body.progress.done_bytes);
        if (body.state !== "loading") {
          assert.equal(body.state, "ready", JSON.stringify(body));
          assert.equal(body.generation, first, "the same content as before");
          break;
        }
        await pause(20);
      }
      assert.ok(progress > 0, "progress was seen");
    });

    await step("pinned it is on the GPU, whatever else is used", async () => {
      const { body } = await admin("POST", "adapters/sql/pin");
      assert.deepEqual([body.pinned, body.level], [true, "gpu"]);
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      assert.match(metrics, /weft_adapter_tier_pinned\{tier="gpu"\} 1/);
      assert.equal((await admin("POST", "adapters/sql/unpin")).body.pinned, false);
    });

    await step("URLs in requests, for admins alone", async () => {
      const lora = [{ url: `${origin.url("two")}?sig=${SECRET}`, scale: 1 }];
      const body = { ...chatBody(server), lora };
      const headers = { authorization: `Bearer ${KEY}` };
      const refused = await server.post("/v1/chat/completions", body, { headers });
      assert.equal(refused.status, 401, await refused.text());
      const taken = await server.post("/v1/chat/completions", body, {
        headers: { ...headers, "x-weft-admin-token": TOKEN },
      });
      assert.equal(taken.status, 200);
      const { choices, weft } = await taken.json();
      assert.equal(weft.adapters[0].id, origin.url("two"));
      const named: Json = await ask(server, { model: "sql" });
      assert.deepEqual(choices[0].message, named.choices[0].message);
    });

    await step("metrics name the adapters of running requests, as vLLM does", async () => {
      let seen = "";
      await stream(server, { model: "sql", max_tokens: 64 }, {
        onText() {
          if (seen) return;
          seen = "asked";
          fetch(`${server.url}/metrics`).then((page) => page.text()).then((text) => seen = text);
        },
      });
      while (seen === "asked") await pause(10);
      assert.match(seen, /vllm:lora_requests_info\{[^}]*max_lora="\d+"[^}]*\}/);
    });

    await step("vLLM's controllers load, swap and unload", async () => {
      const load = { lora_name: "v", lora_path: origin.url("one") };
      assert.equal((await admin("POST", "load_lora_adapter", load)).status, 200);
      assert.equal((await admin("POST", "load_lora_adapter", load)).status, 400);
      const inplace = { ...load, lora_path: origin.url("two"), load_inplace: true };
      assert.equal((await admin("POST", "load_lora_adapter", inplace)).status, 200);
      const missing = { lora_name: "w", lora_path: origin.url("nothing") };
      assert.equal((await admin("POST", "load_lora_adapter", missing)).status, 404);
      const unload = { lora_name: "v" };
      assert.equal((await admin("POST", "unload_lora_adapter", unload)).status, 200);
      assert.equal((await admin("POST", "unload_lora_adapter", unload)).status, 404);
    });

    const all = JSON.stringify((await admin("GET", "adapters")).body) + server.process.stderr;
    assert.ok(!all.includes(SECRET) && !all.includes(TOKEN), "a secret shows");
  });
});

/** Orders under a token; text answers come as they are. */
function orders(server: TestServer, token: string) {
  return async (
    method: string,
    path: string,
    body?: Json,
  ): Promise<{ status: number; body: Json }> => {
    const response = await fetch(`${server.url}/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
      body: body && JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text };
  };
}

import assert from "node:assert/strict";
import fc from "fast-check";
import { chatSchema } from "../../routes/schema/chat.ts";
import { routerSchema, routeSchema } from "../../routes/schema/router.ts";
import { routing } from "../../routes/schema/routing.ts";
import { completionSchema } from "../../routes/schema/completions.ts";
import { loadSchema, putSchema, unloadSchema } from "../../routes/schema/adapters.ts";
import { ADMIN_TOKEN, chat, createHarness, settled } from "./harness.ts";

const ENDPOINTS = [
  { path: "/v1/chat/completions", fields: Object.keys(chatSchema.shape) },
  { path: "/v1/completions", fields: Object.keys(completionSchema.shape) },
];
const ROUTING = Object.keys(routing.unwrap().unwrap().shape);

/** Values near what fields take, and any other JSON. */
const value = fc.oneof(
  fc.constantFrom<unknown>(null, true, false, 0, 1, -1, 0.5, 1e300, -0, "", "demo", "sql", "auto"),
  fc.constantFrom<unknown>([], {}, [[1], [2]], [{}], [{ id: "sql" }], [{ role: "user" }], "\ud800"),
  fc.jsonValue(),
);

for (const { path, fields } of ENDPOINTS) {
  Deno.test(`no body makes ${path} fail, hang or leak`, async () => {
    const h = createHarness();
    const names = fc.oneof(
      fc.constantFrom(...fields),
      fc.constantFrom("tools", "response_format", "best_of", "suffix", "__proto__", "constructor"),
      fc.string(),
    );
    const body = fc.array(fc.tuple(names, value), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(body, async (changes) => {
        // Entries by defineProperty, so that "__proto__" is a field like any other.
        const request = { ...chat({ max_tokens: 3 }), prompt: "a" };
        for (const [name, value] of changes) {
          Object.defineProperty(request, name, { value, enumerable: true, configurable: true });
        }
        const response = await h.post(path, request);
        assert.ok([200, 400, 404, 422, 503].includes(response.status), `${response.status}`);
        const text = await response.text();
        if (response.status !== 200) assert.ok(JSON.parse(text).error.message.length > 0);
      }),
      { numRuns: 1000, seed: 7 },
    );
    await settled(h);
  });
}

Deno.test("no routing makes a request for auto fail, hang or leak", async () => {
  const h = createHarness({ engine: { router: {} } });
  const options = fc.oneof(
    value,
    fc.dictionary(fc.constantFrom(...ROUTING), fc.oneof(value, fc.double({ min: 0, max: 9 }))),
  );
  const changes = fc.record({
    routing: options,
    kv_policy: fc.oneof(value, fc.constantFrom("carry", "recompute")),
    stream: fc.boolean(),
    n: fc.constantFrom(1, 2),
  }, { requiredKeys: [] });
  await fc.assert(
    fc.asyncProperty(changes, async (changes) => {
      const response = await h.post(
        "/v1/chat/completions",
        chat({ model: "auto", max_tokens: 3, ...changes }),
      );
      assert.ok([200, 400].includes(response.status), `${response.status}`);
      const text = await response.text();
      if (response.status !== 200) {
        assert.match(JSON.parse(text).error.param, /^(routing|kv_policy)/);
      }
    }),
    { numRuns: 500, seed: 7 },
  );
  await settled(h);
});

Deno.test("no body makes /v1/route fail or hang", async () => {
  const h = createHarness({ engine: { router: {} } });
  const names = fc.oneof(
    fc.constantFrom(...Object.keys(routeSchema.shape)),
    fc.constantFrom("__proto__", "prompt"),
    fc.string(),
  );
  const body = fc.array(fc.tuple(names, fc.oneof(value, fc.string())), { maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(body, async (changes) => {
      const request = { input: "One. Two." };
      for (const [name, value] of changes) {
        Object.defineProperty(request, name, { value, enumerable: true, configurable: true });
      }
      const response = await h.post("/v1/route", request);
      assert.ok([200, 400, 422].includes(response.status), `${response.status}`);
      await response.text();
    }),
    { numRuns: 500, seed: 7 },
  );
  await settled(h);
});

const SECRET = "https://u:HIDDEN@store.example/a?sig=HIDDEN#HIDDEN";

const ADMIN_ENDPOINTS = [
  { line: "PUT /v1/adapters/fresh", fields: Object.keys(putSchema.shape) },
  { line: "POST /v1/router", fields: Object.keys(routerSchema.shape) },
  { line: "POST /v1/load_lora_adapter", fields: Object.keys(loadSchema.shape) },
  { line: "POST /v1/unload_lora_adapter", fields: Object.keys(unloadSchema.shape) },
];

for (const { line, fields } of ADMIN_ENDPOINTS) {
  Deno.test(`no body makes ${line} fail, or repeat a secret`, async () => {
    const h = createHarness();
    const names = fc.oneof(
      fc.constantFrom(...fields),
      fc.constantFrom("ulr", "__proto__", "toString"),
      fc.string(),
    );
    const values = fc.oneof(value, fc.constantFrom<unknown>(SECRET, [SECRET], { url: SECRET }));
    const body = fc.oneof(
      fc.array(fc.tuple(names, values), { maxLength: 4 }),
      fc.constantFrom(...[
        '{"url": "HIDDEN',
        "HIDDEN",
        '{"url": HIDDEN}',
        '["HIDDEN"]',
        "{}}HIDDEN",
      ]),
    );
    await fc.assert(
      fc.asyncProperty(body, async (changes) => {
        let request: unknown = changes;
        if (typeof changes !== "string") {
          request = { url: SECRET, lora_name: "fresh", lora_path: SECRET };
          if (!line.includes("lora")) request = { url: SECRET };
          for (const [name, value] of changes) {
            Object.defineProperty(request, name, { value, enumerable: true, configurable: true });
          }
        }
        const response = await h.admin(line, { body: request });
        const allowed = [200, 201, 202, 400, 404, 409, 422, 502];
        assert.ok(allowed.includes(response.status), `${response.status}`);
        const text = await response.text();
        if (response.status >= 400) {
          assert.doesNotMatch(JSON.parse(text).error.message, /HIDDEN/, JSON.stringify(request));
        }
      }),
      { numRuns: 500, seed: 7 },
    );
    await settled(h);
    assert.doesNotMatch(JSON.stringify(h.logs), /sig=HIDDEN|#HIDDEN/);
  });
}

Deno.test("no headers let anybody past the admin guard, or make it fail", async () => {
  const apps = [ADMIN_TOKEN, null].map((adminToken) =>
    createHarness({ settings: { adminToken, boundToLoopback: true } })
  );
  const connection = {
    remoteAddr: { transport: "tcp", hostname: "127.0.0.1", port: 1 },
  } as const;
  const ascii = fc.string({ unit: fc.constantFrom(..."abcB e=r:/.,[]1270%\t-"), maxLength: 20 });
  const headers = fc.record({
    authorization: fc.oneof(ascii, ascii.map((rest) => `Bearer ${rest}`)),
    "x-weft-admin-token": ascii,
    host: ascii,
    origin: ascii,
  }, { requiredKeys: [] });
  await fc.assert(
    fc.asyncProperty(headers, async (headers) => {
      for (const app of apps) {
        const response = await app.admin("GET /v1/adapters", { headers, connection });
        assert.ok([401, 403].includes(response.status), `${response.status}`);
        await response.body?.cancel();
      }
    }),
    { numRuns: 300, seed: 7 },
  );
});

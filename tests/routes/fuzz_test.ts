import assert from "node:assert/strict";
import fc from "fast-check";
import { chatSchema } from "../../routes/schema/chat.ts";
import { completionSchema } from "../../routes/schema/completions.ts";
import { chat, createHarness, settled } from "./harness.ts";

const ENDPOINTS = [
  { path: "/v1/chat/completions", fields: Object.keys(chatSchema.shape) },
  { path: "/v1/completions", fields: Object.keys(completionSchema.shape) },
];

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
        assert.ok([200, 400, 404, 422, 501].includes(response.status), `${response.status}`);
        const text = await response.text();
        if (response.status !== 200) assert.ok(JSON.parse(text).error.message.length > 0);
      }),
      { numRuns: 1000, seed: 7 },
    );
    await settled(h);
  });
}

import assert from "node:assert/strict";
import { WeftError } from "../../../engine/core/errors.ts";
import { createHarness, errorOf, type Json, settled } from "../harness.ts";

const URL = "https://store.example/a";
const LINE = "PUT /v1/adapters/fresh";

function examples(count: number): Json[] {
  return Array.from({ length: count }, (_, i) => `Question ${i}?`);
}

Deno.test("an adapter put with examples is routable once the put is answered", async () => {
  const h = createHarness({ engine: { router: {} } });
  const given = [...examples(9), [{ role: "user", content: "A turn" }]];
  const response = await h.admin(LINE, { body: { url: URL, examples: given } });
  const shown = await response.json();
  assert.equal(response.status, 201, JSON.stringify(shown));
  assert.deepEqual(shown.routing, { kind: "prototype", won: 0.9, taken: 0.01 });
  assert.deepEqual(h.engine.router.examples.get("fresh"), [...examples(9), "A turn"]);
  assert.deepEqual(h.engine.router.classes.map(({ label }) => label), ["sql", "poet", "fresh"]);
  const again = await (await h.admin("GET /v1/adapters/fresh")).json();
  assert.deepEqual(again.routing, shown.routing);
  const { data } = await (await h.admin("GET /v1/adapters")).json();
  const kinds = data.map(({ name, routing }: Json) => [name, routing.kind]);
  assert.deepEqual(kinds, [
    ["sql", "class"],
    ["poet", "class"],
    ["chef", "none"],
    ["fresh", "prototype"],
  ]);
  await h.admin("DELETE /v1/adapters/fresh");
  assert.equal(h.engine.router.examples.has("fresh"), false, "at once");
  assert.deepEqual(h.engine.router.classes.map(({ label }) => label), ["sql", "poet"]);
  await h.classes.settled();
  await settled(h);
});

Deno.test("examples that make no class are told with the adapter, which is put all the same", async () => {
  const h = createHarness({ engine: { router: {} } });
  h.engine.router.refused.set("fresh", new WeftError("unsupported", "it has no features"));
  const response = await h.admin(LINE, { body: { url: URL, examples: examples(10) } });
  const { routing } = await response.json();
  assert.equal(response.status, 201);
  const problem = "it has no features";
  assert.deepEqual(routing, { kind: "none", won: null, taken: null, problem });
  assert.ok(h.logs.some(({ event }) => event === "examples_not_routable"));
});

Deno.test("too few, too many and bad examples are refused by their place", async () => {
  const h = createHarness({ engine: { router: {} } });
  const cases: [examples: Json, param: string][] = [
    [examples(1), "examples"],
    [examples(9), "examples"],
    [examples(51), "examples"],
    ["one", "examples"],
    [[...examples(9), 7], "examples[9]"],
    [[...examples(9), ""], "examples[9]"],
    [[...examples(9), "x".repeat(16_385)], "examples[9]"],
    [[...examples(9), "NUL\0"], "examples[9]"],
    [[...examples(9), "\ud800"], "examples[9]"],
    [[...examples(9), [{ role: "user", content: "x".repeat(16_385) }]], "examples[9]"],
  ];
  for (const [examples, param] of cases) {
    const error = await errorOf(await h.admin(LINE, { body: { url: URL, examples } }), 400);
    assert.equal(error.param, param, error.message);
  }
  assert.equal(h.adapters.puts.length, 0);
});

Deno.test("an empty list takes examples away, and none leaves them", async () => {
  const h = createHarness();
  await h.admin(LINE, { body: { url: URL, examples: [] } });
  await h.admin(LINE, { body: { url: URL, examples: null } });
  await h.admin(LINE, { body: { url: URL } });
  const given = h.adapters.puts.map(({ options }) => options.examples);
  assert.deepEqual(given, [[], undefined, undefined]);
});

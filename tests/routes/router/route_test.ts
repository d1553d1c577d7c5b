import assert from "node:assert/strict";
import { createHarness, errorOf, type Json, settled } from "../harness.ts";

const PATH = "/v1/route";

function probabilities(text: string): Record<string, number> {
  return text.endsWith("?\n") ? { sql: 0.75, poet: 0.25 } : { sql: 0.125, poet: 0.125 };
}

Deno.test("a text is routed sentence by sentence, each with all that comes before", async () => {
  const h = createHarness({ engine: { router: { probabilities } } });
  const response = await h.post(PATH, { input: "How many? It is 3.14 or so." });
  const body = await response.json();
  assert.equal(response.status, 200, JSON.stringify(body));
  const first = {
    adapters: [{ id: "sql", generation: "aaaa", weight: 1 }],
    confidence: 0.75,
    entropy: 0.5,
    abstained: false,
    probabilities: { sql: 0.75, poet: 0.25 },
  };
  const whole = {
    adapters: [],
    confidence: 0.125,
    entropy: 0.5,
    abstained: true,
    probabilities: { sql: 0.125, poet: 0.125 },
  };
  assert.deepEqual(body, {
    object: "route",
    router: { generation: "0".repeat(64), version: "1" },
    sentences: [
      { index: 0, text: "How many? ", ...first },
      { index: 1, text: "It is 3.14 or so.", ...whole },
    ],
    whole,
  });
  assert.deepEqual(h.engine.router.batches.map(({ texts }) => texts), [
    ["How many?\n", "How many? It is 3.14 or so.\n"],
  ]);
  assert.equal(h.engine.requests.length, 0);
  await settled(h);
});

Deno.test("messages are routed as the text that requests have of them", async () => {
  const h = createHarness({ engine: { router: {} } });
  const messages = [{ role: "system", content: "Be brief." }, { role: "user", content: "Hi" }];
  for (const body of [{ messages }, { input: messages, model: "auto" }]) {
    const { sentences } = await (await h.post(PATH, body)).json();
    assert.deepEqual(sentences.map(({ text }: Json) => text), ["Be brief.\n", "Hi\n"]);
  }
});

Deno.test("long texts go to the engine in small batches, and too long ones not at all", async () => {
  const h = createHarness({ engine: { router: {} } });
  const { sentences } = await (await h.post(PATH, { input: "Go on. ".repeat(100).trim() })).json();
  assert.equal(sentences.length, 100);
  assert.ok(h.engine.router.batches.length > 1);
  for (const { texts } of h.engine.router.batches) assert.ok(texts.length <= 64);
  for (const input of ["Go on. ".repeat(300), "x".repeat(300_000)]) {
    const error = await errorOf(await h.post(PATH, { input }), 400);
    assert.equal(error.param, "input");
    assert.match(error.message, /at most (256 sentences|262144 characters)/);
  }
});

Deno.test("routing's fields count here too", async () => {
  const h = createHarness({ engine: { router: { probabilities } } });
  const routing = { min_confidence: 0, mode: "top-1", max_adapters: 1 };
  const { whole } = await (await h.post(PATH, { input: "It rained.", routing })).json();
  assert.equal(whole.abstained, false);
  const [{ options }] = h.engine.router.batches;
  assert.deepEqual([options.mode, options.maxAdapters], ["top-1", 1]);
});

Deno.test("what is no text, or two, is refused by its field", async () => {
  const h = createHarness({ engine: { router: {} } });
  const cases: [body: Json, param: string][] = [
    [{}, "input"],
    [{ input: "" }, "input"],
    [{ input: 7 }, "input"],
    [{ input: "a", messages: [{ role: "user", content: "b" }] }, "input"],
    [{ input: "a", model: "sql" }, "model"],
    [{ input: "a", routing: { mode: "x" } }, "routing.mode"],
    [{ input: "a", prompt: "b" }, "prompt"],
    [{ messages: [] }, "messages"],
  ];
  for (const [body, param] of cases) {
    const error = await errorOf(await h.post(PATH, body), 400);
    assert.equal(error.param, param, error.message);
  }
});

Deno.test("without a router it is 503, without a key 401", async () => {
  const h = createHarness({ settings: { apiKeys: ["key"] } });
  const authorization = { authorization: "Bearer key" };
  const none = await errorOf(await h.post(PATH, { input: "a" }, authorization), 503);
  assert.equal(none.code, "no_router");
  await errorOf(await h.post(PATH, { input: "a" }), 401);
});

import assert from "node:assert/strict";
import { chat, createHarness, readEvents, settled } from "./harness.ts";

const PATH = "/v1/chat/completions";

Deno.test("the base runs without adapters", async () => {
  const h = createHarness();
  await h.post(PATH, chat({ lora: [] }));
  assert.deepEqual(h.engine.requests[0].mixture, []);
});

Deno.test("an adapter's name as model applies it once, and the answer says so", async () => {
  const h = createHarness();
  const body = await (await h.post(PATH, chat({ model: "sql" }))).json();
  assert.equal(body.model, "sql");
  assert.deepEqual(h.engine.requests[0].mixture, [{ generation: "aaaa", weight: 1 }]);
  assert.deepEqual(body.weft.adapters, [
    { id: "sql", generation: "aaaa", weight: 1, cache: "ram" },
  ]);
  assert.equal(body.weft.cache, "ram");
  await settled(h);
});

for (const path of [PATH, "/v1/completions"]) {
  Deno.test(`lora on ${path} gives a weighted mixture in the order given`, async () => {
    const h = createHarness();
    const lora = [{ id: "poet", scale: -0.5 }, { id: "sql" }, { id: "chef", scale: 0 }];
    const fields = { ...chat({ lora, stream: true }), prompt: "a" };
    const events = await readEvents(await h.post(path, fields));
    assert.equal(events.pop(), "[DONE]");
    assert.deepEqual(h.engine.requests[0].mixture, [
      { generation: "bbbb", weight: -0.5 },
      { generation: "aaaa", weight: 1 },
      { generation: "cccc", weight: 0 },
    ]);
    assert.deepEqual(events.at(-1).weft.adapters, [
      { id: "poet", generation: "bbbb", weight: -0.5, cache: "ram" },
      { id: "sql", generation: "aaaa", weight: 1, cache: "ram" },
      { id: "chef", generation: "cccc", weight: 0, cache: "ram" },
    ]);
    assert.equal(h.logs.at(-1)?.adapters, "poet:-0.5,sql:1,chef:0");
    await settled(h);
  });
}

Deno.test("a request keeps the generation it began with when the name moves on", async () => {
  const h = createHarness({ engine: { delayMs: 2 } });
  const response = await h.post(PATH, chat({ model: "sql", stream: true }));
  h.adapters.generations.set("sql", "dddd");
  const events = await readEvents(response);
  events.pop();
  assert.equal(events.at(-1).weft.adapters[0].generation, "aaaa");
  await h.post(PATH, chat({ model: "sql" }));
  assert.equal(h.engine.requests[1].mixture[0].generation, "dddd");
});

Deno.test("leases are held exactly while the request runs", async () => {
  const h = createHarness({ engine: { delayMs: 5 } });
  const response = await h.post(
    PATH,
    chat({ lora: [{ id: "sql" }, { id: "poet" }], stream: true }),
  );
  assert.equal(h.adapters.leased, 2);
  await readEvents(response);
  await settled(h);
});

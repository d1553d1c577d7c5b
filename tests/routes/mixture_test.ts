import assert from "node:assert/strict";
import type { AdapterLevel } from "../../adapters/mod.ts";
import {
  ADMIN_TOKEN,
  chat,
  createHarness,
  errorOf,
  type Json,
  readEvents,
  settled,
} from "./harness.ts";

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

Deno.test("cache tells where each adapter was found, and the slowest of them for the request", async () => {
  const h = createHarness({ settings: { allowRequestUrls: true } });
  const levels: AdapterLevel[] = ["gpu", "disk", "ram"];
  ["sql", "poet", "chef"].forEach((name, i) => h.adapters.levels.set(name, levels[i]));
  const lora = [{ id: "sql" }, { id: "poet" }, { id: "chef" }];
  const { weft } = await (await h.post(PATH, chat({ lora }))).json();
  assert.deepEqual(weft.adapters.map(({ cache }: Json) => cache), levels);
  assert.equal(weft.cache, "disk");
  assert.ok(weft.timings.fetch_ms >= 0 && weft.timings.upload_ms >= 0);
  const alone = await (await h.post(PATH, chat({ model: "sql" }))).json();
  assert.equal(alone.weft.cache, "gpu");
  h.adapters.levels.set("https://a.example/x", "origin");
  const urls = [...lora, { url: "https://a.example/x?token=SECRET" }];
  const headers = { "x-weft-admin-token": ADMIN_TOKEN };
  const events = await readEvents(
    await h.post(PATH, chat({ lora: urls, stream: true }), headers),
  );
  assert.equal(events.at(-2).weft.cache, "origin");
  assert.equal(events.at(-2).weft.adapters[3].id, "https://a.example/x");
  assert.doesNotMatch(JSON.stringify([events, h.logs]), /SECRET/);
  assert.ok(!("cache" in (await (await h.post(PATH, chat())).json()).weft));
  await settled(h);
});

Deno.test("an adapter that fails ends the wait for the others", async () => {
  const h = createHarness();
  const acquire = h.adapters.acquire.bind(h.adapters);
  h.adapters.acquire = (name, signal) => {
    // Only the abort ends this one.
    if (name === "sql") return new Promise((_, reject) => signal.onabort = () => reject("ended"));
    return acquire(name, signal);
  };
  h.adapters.broken.add("poet");
  const lora = [{ id: "sql" }, { id: "chef" }, { id: "poet" }];
  const error = await errorOf(await h.post(PATH, chat({ lora })), 500);
  assert.match(error.message, /poet.*DoRA/);
  await settled(h);
});

Deno.test("an adapter is named once and by one of id and url", async () => {
  const h = createHarness({ settings: { allowRequestUrls: true } });
  const url = "https://a.example/x";
  const wrong: [lora: Json[], param: string][] = [
    [[{}], "lora[0]"],
    [[{ id: "sql", url }], "lora[0]"],
    [[{ url }, { url }], "lora[1].url"],
    [[{ url: "" }], "lora[0].url"],
  ];
  const headers = { "x-weft-admin-token": ADMIN_TOKEN };
  for (const [lora, param] of wrong) {
    const error = await errorOf(await h.post(PATH, chat({ lora }), headers), 400);
    assert.equal(error.param, param, error.message);
  }
  await settled(h);
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

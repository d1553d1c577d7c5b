import assert from "node:assert/strict";
import { banner } from "../../../routes/process/banner.ts";
import { createHarness } from "../harness.ts";

Deno.test("the banner's line to try is a request the server answers", async () => {
  const h = createHarness();
  const text = banner({
    info: h.engine.info,
    modelName: "demo",
    adapters: ["sql", "poet", "chef", "it's"],
    router: { version: "7", labels: ["sql", "poet", "stranger"] },
    url: "http://127.0.0.1:8000",
    locked: true,
  });
  assert.match(text, /GPU +Fake device \(software driver\)/);
  assert.match(text, /Adapters +4: sql, poet, chef, …/);
  assert.match(text, /Router +version 7, 2 of 3 classes with an adapter/);
  assert.match(text, /authorization: Bearer <key>/);
  const [, body] = /-d '(.*)'$/.exec(text)!;
  const response = await h.post("/v1/chat/completions", body);
  assert.equal(response.status, 200);
  assert.match(await response.text(), /\[DONE\]/);
});

Deno.test("the banner tells how weights are stored", () => {
  const { info } = createHarness().engine;
  const line = (quantize: "none" | "int4") =>
    banner({
      info: { ...info, dtype: "f16", quantize },
      modelName: "demo",
      adapters: [],
      router: null,
      url: "http://127.0.0.1:8000",
      locked: false,
    }).split("\n")[1];
  assert.match(line("none"), /^Model +demo, f16, context/);
  assert.match(line("int4"), /^Model +demo, int4 weights, f16 cache, context/);
});

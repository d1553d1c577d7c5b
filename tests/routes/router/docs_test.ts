import assert from "node:assert/strict";
import { createHarness, errorOf, settled } from "../harness.ts";

Deno.test("docs/API.md lists routing's error codes, each with the status it has", async () => {
  const page = await Deno.readTextFile("docs/API.md");
  const [, section] = /^### \/v1\/router$(.*?)^## /ms.exec(page)!;
  const listed = [...section.matchAll(/^\| `(\w+)` +\| (\d{3}) +\|/gm)]
    .map(([, code, status]) => [code, +status]);
  const h = createHarness();
  const none = await errorOf(await h.post("/v1/route", { input: "a" }), 503);
  h.routers.files.set("https://store.example/a", new TextEncoder().encode("no router"));
  const body = { url: "https://store.example/a" };
  const bad = await errorOf(await h.admin("POST /v1/router", { body }), 422);
  const swapped = createHarness({ engine: { router: {} } });
  const { router } = swapped.engine;
  const route = router.route.bind(router);
  router.route = async (texts, options) => {
    const answer = await route(texts, options);
    router.info = { ...router.info!, generation: crypto.randomUUID() };
    return answer;
  };
  const input = "Go on. ".repeat(100);
  const changed = await errorOf(await swapped.post("/v1/route", { input }), 503);
  assert.deepEqual(listed, [[none.code, 503], [changed.code, 503], [bad.code, 422]]);
  await settled(swapped);
});

Deno.test("docs/API.md names each field of routing, and each mode", async () => {
  const page = await Deno.readTextFile("docs/API.md");
  const { routing } = await import("../../../routes/schema/routing.ts");
  const { ROUTING_MODES } = await import("../../../engine/core/routing.ts");
  for (const name of [...Object.keys(routing.unwrap().unwrap().shape), ...ROUTING_MODES]) {
    assert.ok(page.includes(`\`${name}\``), name);
  }
});

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";
import { adapterError, type AdapterReason } from "../../../adapters/mod.ts";
import { createHarness, errorOf, type Json, settled } from "../harness.ts";

const LOAD = "POST /v1/load_lora_adapter";
const UNLOAD = "POST /v1/unload_lora_adapter";
const PATH = "https://store.example/a?sig=SECRET";

Deno.test("a load is 200 with a line of text, and the adapter is a model", async () => {
  const h = createHarness();
  const body = { lora_name: "fresh", lora_path: PATH };
  const response = await h.admin(LOAD, { body });
  assert.equal(response.status, 200);
  assert.match(await response.text(), /^Success: .*'fresh' added successfully/);
  assert.equal(h.adapters.puts[0].options.url, PATH);
  assert.equal(h.adapters.puts[0].options.expectedGeneration, null);
  assert.equal((await h.app.request("/v1/models/fresh")).status, 200);
  await settled(h);
});

Deno.test("a name that is loaded is 400, unless it is to be replaced in place", async () => {
  const h = createHarness();
  const body = { lora_name: "sql", lora_path: PATH };
  const error = await errorOf(await h.admin(LOAD, { body }), 400);
  assert.equal(error.code, "already_loaded");
  assert.match(error.message, /has already been loaded.*load_inplace/);
  await errorOf(await h.admin(LOAD, { body: { ...body, load_inplace: false } }), 400);
  assert.equal(h.adapters.puts.length, 0);
  const replaced = await h.admin(LOAD, { body: { ...body, load_inplace: true } });
  assert.equal(replaced.status, 200);
  await replaced.text();
  assert.equal(h.adapters.puts[0].options.expectedGeneration, undefined);
});

Deno.test("of two loads of one new name at once, none breaks the other", async () => {
  const h = createHarness();
  const startPut = h.adapters.startPut.bind(h.adapters);
  // Another request registers the name in between.
  h.adapters.startPut = (name, options) => {
    h.adapters.generations.set(name, "9999");
    return startPut(name, options);
  };
  const body = { lora_name: "fresh", lora_path: PATH };
  assert.equal((await errorOf(await h.admin(LOAD, { body }), 400)).code, "already_loaded");
  assert.equal(h.adapters.get("fresh")?.generation, "9999");
});

const BAD_LOADS: [body: Json, param: string][] = [
  [{}, "lora_name"],
  [{ lora_name: "x" }, "lora_path"],
  [{ lora_path: PATH }, "lora_name"],
  [{ lora_name: "", lora_path: PATH }, "lora_name"],
  [{ lora_name: "x", lora_path: "" }, "lora_path"],
  [{ lora_name: null, lora_path: PATH }, "lora_name"],
  [{ lora_name: "a/b", lora_path: PATH }, "lora_name"],
  [{ lora_name: "x", lora_path: "owner/name" }, "lora_path"],
  [{ lora_name: "x", lora_path: "../up" }, "lora_path"],
  [{ lora_name: "x", lora_path: PATH, load_inplace: "yes" }, "load_inplace"],
];

for (const [body, param] of BAD_LOADS) {
  Deno.test(`a load of ${JSON.stringify(body)} is 400`, async () => {
    const h = createHarness();
    const error = await errorOf(await h.admin(LOAD, { body }), 400);
    assert.equal(error.param, param, error.message);
    assert.doesNotMatch(error.message, /SECRET/);
    assert.equal(h.adapters.puts.length, 0);
  });
}

Deno.test("a local path is opened as file://; fields that later versions know are ignored", async () => {
  const h = createHarness();
  const path = "/data/my adapters/a#1";
  const body = { lora_name: "fresh", lora_path: path, is_3d_lora_weight: false, extra: 1 };
  assert.equal((await h.admin(LOAD, { body })).status, 200);
  assert.equal(h.adapters.puts[0].options.url, pathToFileURL(path).href);
  const fused = { ...body, lora_name: "y", is_3d_lora_weight: true };
  assert.equal(
    (await errorOf(await h.admin(LOAD, { body: fused }), 422)).param,
    "is_3d_lora_weight",
  );
});

const FAILURES: [reason: AdapterReason, status: number][] = [
  ["origin_not_found", 404],
  ["missing_file", 404],
  ["bad_adapter", 400],
  ["pickle_not_allowed", 400],
  ["path_not_allowed", 403],
  ["managed_by_manifest", 409],
  ["connect_failed", 502],
  ["total_timeout", 504],
];

for (const [reason, status] of FAILURES) {
  Deno.test(`a load that fails with ${reason} is ${status} and leaves no name behind`, async () => {
    const h = createHarness();
    h.adapters.failures.set(PATH, adapterError(reason, "why"));
    const body = { lora_name: "fresh", lora_path: PATH };
    const error = await errorOf(await h.admin(LOAD, { body }), status);
    assert.deepEqual([error.code, error.message], [reason, "why"]);
    assert.equal((await h.app.request("/v1/models/fresh")).status, 404);
    const inPlace = { lora_name: "sql", lora_path: PATH, load_inplace: true };
    await errorOf(await h.admin(LOAD, { body: inPlace }), status);
    assert.equal(h.adapters.get("sql")?.generation, "aaaa");
    await settled(h);
  });
}

Deno.test("a name whose content never came can be loaded anew", async () => {
  const h = createHarness();
  h.adapters.generations.set("listed", null);
  h.adapters.details.set("listed", { state: "failed" });
  const body = { lora_name: "listed", lora_path: PATH };
  assert.equal((await h.admin(LOAD, { body })).status, 200);
});

Deno.test("an unload is 200 with a line of text, of an unknown name 404, of none 400", async () => {
  const h = createHarness();
  const body = { lora_name: "sql", lora_int_id: 3 };
  const response = await h.admin(UNLOAD, { body });
  assert.equal(response.status, 200);
  assert.match(await response.text(), /^Success: .*'sql' removed successfully/);
  assert.equal((await h.app.request("/v1/models/sql")).status, 404);
  const error = await errorOf(await h.admin(UNLOAD, { body }), 404);
  assert.match(error.message, /"sql" cannot be found/);
  for (const name of [undefined, "", null, 3]) {
    const missing = await errorOf(await h.admin(UNLOAD, { body: { lora_name: name } }), 400);
    assert.equal(missing.param, "lora_name");
  }
});

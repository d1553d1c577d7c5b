/** A controller written for vLLM keeps a real server at the adapters that it should have. */
import assert from "node:assert/strict";
import { join } from "node:path";
import OpenAI from "openai";
import { AdapterOrigin, demoContents } from "./adapter_origin.ts";
import { AdaptersApi, type Answer, identityOf, refusal, weftOf } from "./adapters_api.ts";
import { ask, neverEnding, stream } from "./requests.ts";
import { type Json, stepsOf, type TestServer, withServer } from "./server_process.ts";

const CONFIG = "adapter_config.json";
const WEIGHTS = "adapter_model.safetensors";
const TOKEN = "token-of-the-controller";

const demo = demoContents();
const plurals = demo.get("plurals")!;
const synonyms = demo.get("synonyms")!;
const rhymes = demo.get("rhymes")!;

Deno.test("vLLM's endpoints load, replace and unload adapters as its controllers expect", async (t) => {
  const step = stepsOf(t);
  await using origin = new AdapterOrigin();
  const root = await Deno.makeTempDir();
  const empty = await Deno.makeTempDir();
  try {
    for (const folder of ["sql", "mail", "other"]) origin.place(folder, plurals);
    await Deno.mkdir(join(root, "local"));
    await Deno.writeFile(join(root, "local", CONFIG), rhymes.config);
    await Deno.writeFile(join(root, "local", WEIGHTS), rhymes.weights);
    const flags = [
      ...[...origin.flags, "--adapters", empty, "--adapter-root", root, "--admin-token", TOKEN],
    ];
    // vLLM's controllers know one key, for everything.
    await withServer({ flags, apiKey: TOKEN }, async (server) => {
      const api = new AdaptersApi(server, { authorization: `Bearer ${TOKEN}` });
      const load = (name: unknown, path: unknown, more: Record<string, unknown> = {}) =>
        api.send("POST", "/v1/load_lora_adapter", { lora_name: name, lora_path: path, ...more });
      const unload = (name: unknown, more: Record<string, unknown> = {}) =>
        api.send("POST", "/v1/unload_lora_adapter", { lora_name: name, ...more });

      await step("it reconciles what /v1/models lists with what there should be", async () => {
        const reconcile = (wanted: Record<string, string>) =>
          reconcileOnce(server, { wanted, load, unload });
        const first = { sql: origin.url("sql"), mail: origin.url("mail") };
        assert.deepEqual(await reconcile(first), ["load mail", "load sql"]);
        assert.deepEqual(await reconcile(first), [], "a second turn has nothing to do");
        const second = { sql: origin.url("sql"), other: origin.url("other") };
        assert.deepEqual(await reconcile(second), ["unload mail", "load other"]);
        assert.deepEqual(await reconcile({}), ["unload other", "unload sql"]);
        assert.deepEqual(await loaded(server), []);
      });

      await step("a load answers once requests can use it", async () => {
        const { status, headers, body } = await load("sql", origin.url("sql"));
        assert.equal(status, 200, JSON.stringify(body));
        assert.match(headers.get("content-type")!, /^text\/plain/);
        assert.match(body, /^Success: .*'sql'/);
        const models: Json[] = (await server.client.models.list()).data;
        const model = models.find(({ parent }) => parent !== null);
        assert.deepEqual([model.id, model.parent, model.root], [
          "sql",
          server.base,
          origin.url("sql"),
        ]);
        const answer = weftOf(await ask(server, { model: "sql", max_tokens: 1 }));
        assert.equal(answer.adapters[0].generation, (await identityOf(plurals)).generation);
      });

      await step("a second load is refused unless it is in place", async () => {
        origin.place("sql", synonyms);
        const again = await load("sql", origin.url("sql"));
        assert.deepEqual(refusal(again), [400, "already_loaded"]);
        assert.match(again.body.error.message, /already been loaded/);
        const before = (await api.show("sql")).body.generation;
        assert.equal(before, (await identityOf(plurals)).generation);
        const inPlace = await load("sql", origin.url("sql"), { load_inplace: true });
        assert.equal(inPlace.status, 200, JSON.stringify(inPlace.body));
        const { generation } = (await api.show("sql")).body;
        assert.equal(generation, (await identityOf(synonyms)).generation);
        assert.equal((await load("sql", origin.url("sql"), { load_inplace: true })).status, 200);
      });

      await step("of two that load a new name at once, one does", async () => {
        origin.place("both", rhymes, { chunkBytes: 20_000, pauseMs: 50 });
        const answers = await Promise.all([1, 2].map(() => load("both", origin.url("both"))));
        const [won, lost] = answers.toSorted((a, b) => a.status - b.status);
        assert.equal(won.status, 200, JSON.stringify(won.body));
        assert.deepEqual(refusal(lost), [400, "already_loaded"]);
        assert.equal((await unload("both")).status, 200);
      });

      await step("paths below a root are loaded, others are not", async () => {
        assert.equal((await load("local", join(root, "local"))).status, 200);
        assert.equal(
          (await api.show("local")).body.generation,
          (await identityOf(rhymes)).generation,
        );
        await ask(server, { model: "local", max_tokens: 1 });
        const cases: [path: string, status: number, code: string][] = [
          [join(root, "nothing"), 404, "missing_file"],
          [`${root}/local/../../..`, 403, "path_not_allowed"],
          [Deno.realPathSync("models/demo/adapters/plurals"), 403, "path_not_allowed"],
          ["owner/name", 400, "bad_url"],
          ["https://other.invalid/x", 403, "host_not_allowed"],
          [origin.url("nothing.zip"), 404, "origin_not_found"],
        ];
        for (const [path, status, code] of cases) {
          assert.deepEqual(refusal(await load("none", path)), [status, code], path);
        }
        assert.deepEqual(await loaded(server), ["local", "sql"]);
      });

      await step("what can't be loaded is 400, and leaves no name behind", async () => {
        const { config, weights } = plurals;
        origin.place("broken", { config, weights: weights.slice(0, 5000) });
        assert.deepEqual(refusal(await load("broken", origin.url("broken"))), [400, "bad_adapter"]);
        assert.equal((await api.show("broken")).status, 404);
        origin.place("broken", plurals);
        assert.equal((await load("broken", origin.url("broken"))).status, 200);
        assert.equal((await unload("broken")).status, 200);
        // In place it leaves what was.
        origin.place("sql", { config, weights: weights.slice(0, 5000) });
        const inPlace = await load("sql", origin.url("sql"), { load_inplace: true });
        assert.deepEqual(refusal(inPlace), [400, "bad_adapter"]);
        await ask(server, { model: "sql", max_tokens: 1 });
      });

      await step("fields are checked as vLLM's are", async () => {
        const url = origin.url("other");
        assert.equal((await load(undefined, url)).status, 400);
        assert.equal((await load("other", undefined)).status, 400);
        assert.equal((await load("", url)).status, 400);
        assert.equal((await load("other", "")).status, 400);
        assert.equal((await load("bad name", url)).status, 400);
        assert.equal((await load("other", url, { is_3d_lora_weight: true })).status, 422);
        assert.equal((await load("other", url, { base_model_name: server.base })).status, 200);
        assert.equal((await unload(undefined)).status, 400);
        assert.equal((await unload("")).status, 400);
        assert.deepEqual(refusal(await unload("nowhere")), [404, "adapter_not_found"]);
        const { status, body } = await unload("other", { lora_int_id: 7 });
        assert.equal(status, 200);
        assert.match(body, /^Success: .*'other'/);
      });

      await step("unloading leaves running requests alone", async () => {
        const fields = { model: "local", max_tokens: 100, logit_bias: await neverEnding() };
        const alone = await stream(server, fields);
        let unloaded: Promise<Answer> | undefined;
        const { text } = await stream(server, fields, {
          onText: () => unloaded ??= unload("local"),
        });
        assert.equal((await unloaded!).status, 200);
        assert.equal(text, alone.text);
        await assert.rejects(() => ask(server, { model: "local" }), OpenAI.NotFoundError);
        assert.equal((await unload("local")).status, 404);
      });

      await step("without the token nothing is loaded", async () => {
        const stranger = new AdaptersApi(server);
        const answer = await stranger.send("POST", "/v1/load_lora_adapter", {
          lora_name: "mail",
          lora_path: origin.url("mail"),
        });
        assert.deepEqual(refusal(answer), [401, "admin_token_required"]);
        assert.deepEqual(await loaded(server), ["sql"]);
      });
    });
  } finally {
    await Deno.remove(root, { recursive: true });
    await Deno.remove(empty, { recursive: true });
  }
});

/** The adapters that the server says it has. */
async function loaded(server: TestServer): Promise<string[]> {
  const { data }: { data: Json[] } = await server.client.models.list();
  return data.filter(({ parent }) => parent === server.base).map(({ id }) => id);
}

/** One turn of a controller's loop. @returns what it did, in order. */
async function reconcileOnce(server: TestServer, { wanted, load, unload }: {
  wanted: Record<string, string>;
  load(name: string, path: string): Promise<Answer>;
  unload(name: string): Promise<Answer>;
}): Promise<string[]> {
  const present = await loaded(server);
  const done: string[] = [];
  for (const name of present.filter((name) => !Object.hasOwn(wanted, name))) {
    const { status, body } = await unload(name);
    assert.equal(status, 200, JSON.stringify(body));
    done.push(`unload ${name}`);
  }
  for (const name of Object.keys(wanted).sort()) {
    if (present.includes(name)) continue;
    const { status, body } = await load(name, wanted[name]);
    assert.equal(status, 200, JSON.stringify(body));
    done.push(`load ${name}`);
  }
  return done;
}

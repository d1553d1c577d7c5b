/** What a server knew of its adapters, the next one on its state directory knows, without any origin. */
import assert from "node:assert/strict";
import { AdapterOrigin, demoContents } from "./adapter_origin.ts";
import { AdaptersApi, comesTo, series, weftOf } from "./adapters_api.ts";
import { ask } from "./requests.ts";
import {
  type Json,
  ServerProcess,
  startServer,
  stepsOf,
  type TestServer,
  withServer,
} from "./server_process.ts";

const SECRET = "sig-that-nobody-may-see";

Deno.test("names, pins and generations outlive the server, however it ends, and the origin", async (t) => {
  const step = stepsOf(t);
  const stateDir = await Deno.makeTempDir();
  const demo = demoContents();
  const origin = new AdapterOrigin();
  let isUp = true;
  const closeOrigin = async () => {
    if (isUp) await origin[Symbol.asyncDispose]();
    isUp = false;
  };
  const { flags } = origin;
  let known: Json[] = [];
  let answers: unknown[] = [];

  /** What outlives a server. */
  const lasting = async (api: AdaptersApi): Promise<Json[]> => {
    const { body } = await api.send("GET", "/v1/adapters");
    return body.data.filter(({ owner }: Json) => owner === "api")
      .map(({ level: _, ...adapter }: Json) => adapter);
  };
  const answersOf = (server: TestServer) =>
    Promise.all(
      ["one", "two", "pinned"].map(async (model) =>
        (await ask(server, { model, logprobs: true })).choices
      ),
    );
  const isRestored = async (server: TestServer) => {
    const api = new AdaptersApi(server);
    assert.deepEqual(await lasting(api), known);
    for (const { name } of known) assert.ok(server.adapters.includes(name), name);
    assert.ok(!server.adapters.includes("deleted"));
    assert.equal((await api.show("deleted")).status, 404);
    // The pin brings it back from the disk without a request.
    await api.until("pinned", ({ level }) => level === "gpu");
    await comesTo(server, 'weft_adapter_tier_pinned{tier="gpu"}', 1);
    assert.equal(await api.level("two"), "disk");
    const first = weftOf(await ask(server, { model: "two", max_tokens: 1 }));
    assert.equal(first.cache, "disk");
    assert.deepEqual(await answersOf(server), answers);
    assert.equal(await series(server, "weft_adapter_fetches_total"), 0);
    assert.doesNotMatch(api.seen + server.process.stderr, new RegExp(SECRET));
  };

  try {
    await step(
      "a first server learns them; another on its state directory is refused",
      async () => {
        await withServer({ flags, stateDir }, async (server) => {
          const api = new AdaptersApi(server);
          for (
            const [name, content] of [["one", "plurals"], ["two", "synonyms"], ["pinned", "rhymes"]]
          ) {
            origin.place(name, demo.get(content)!);
            const url = `${origin.url(name)}?sig=${SECRET}`;
            const put = await api.put(name, { url, pinned: name === "pinned" });
            assert.equal(put.status, 201, JSON.stringify(put.body));
          }
          await api.put("deleted", { url: origin.url("one") });
          assert.equal((await api.remove("deleted")).status, 204);
          origin.place("two", demo.get("past_tense")!);
          assert.equal((await api.act("two", "refresh")).status, 200);
          answers = await answersOf(server);
          known = await lasting(api);
          assert.deepEqual(known.map(({ name, pinned }) => [name, pinned]), [
            ["one", false],
            ["pinned", true],
            ["two", false],
          ]);

          const second = new ServerProcess({ flags: ["--port", "0", ...flags], stateDir });
          assert.equal(await second.exit(), 1);
          assert.equal(second.stdout, "");
          assert.match(
            second.stderr,
            /^weft: Cannot use the state directory "[^"]+": process \d+ uses it/,
          );
          assert.ok(second.stderr.includes(`process ${server.process.pid} `), second.stderr);
          assert.match(second.stderr, /--state-dir/);
          assert.equal(second.stderr.trim().split("\n").length, 1, "no trace of a stack");
          assert.deepEqual(await lasting(api), known, "the first goes on");
        });
      },
    );

    await step("after SIGTERM, with the origin gone, all is there", async () => {
      await closeOrigin();
      await withServer({ flags, stateDir }, isRestored);
    });

    await step("after SIGKILL too", async () => {
      const victim = await startServer({ flags, stateDir });
      const api = new AdaptersApi(victim);
      assert.equal((await api.act("one", "pin")).status, 200);
      assert.equal((await api.act("one", "unpin")).status, 200);
      victim.process.kill("SIGKILL");
      assert.notEqual(await victim.process.exit(), 0);
      await withServer({ flags, stateDir }, isRestored);
    });

    await step("what the registry keeps is readable by its owner alone", async () => {
      for await (const { name } of Deno.readDir(stateDir)) {
        const { mode } = await Deno.stat(`${stateDir}/${name}`);
        if (!name.startsWith("adapters.sqlite")) continue;
        assert.equal(mode! & 0o077, 0, name);
      }
    });
  } finally {
    await closeOrigin();
    await Deno.remove(stateDir, { recursive: true });
  }
});

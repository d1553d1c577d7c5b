/** Who may change adapters and name URLs on the real server, and that no secret of theirs is ever shown. */
import assert from "node:assert/strict";
import { AdapterOrigin, demoContents } from "./adapter_origin.ts";
import { AdaptersApi, identityOf, refusal } from "./adapters_api.ts";
import { ask, chatBody, type ChatFields } from "./requests.ts";
import { stepsOf, withServer } from "./server_process.ts";

const ADMIN = "admin-token-of-the-test";
const KEY = "api-key-of-the-test";
const SECRET = "sig-that-nobody-may-see";
const UNKNOWN = "0".repeat(64);
const WEIGHTS = "adapter_model.safetensors";

const demo = demoContents();
const plurals = demo.get("plurals")!;
const rhymes = demo.get("rhymes")!;

Deno.test("adapters are an admin's, and secrets stay secret", async (t) => {
  const step = stepsOf(t);
  await using origin = new AdapterOrigin();
  const flags = [
    ...[...origin.flags, "--admin-token", ADMIN, "--api-key", KEY, "--allow-request-urls"],
    ...["--log-level", "debug"],
  ];
  await withServer({ flags, apiKey: KEY }, async (server) => {
    const api = new AdaptersApi(server, { authorization: `Bearer ${ADMIN}` });
    const url = (folder: string) => origin.url(folder);
    origin.place("life", plurals);

    await step("an admin has the admin token; an API key isn't enough", async () => {
      const body = { url: url("life") };
      const cases: [headers: Record<string, string>, code: string][] = [
        [{}, "admin_token_required"],
        [{ authorization: "Bearer no-such-token" }, "invalid_admin_token"],
        [{ authorization: `Bearer ${KEY}` }, "invalid_admin_token"],
        [{ authorization: `Bearer ${ADMIN}`, "x-weft-admin-token": KEY }, "invalid_admin_token"],
      ];
      for (const [headers, code] of cases) {
        const stranger = new AdaptersApi(server, headers);
        for (
          const answer of [
            await stranger.send("GET", "/v1/adapters"),
            await stranger.put("life", body),
            await stranger.remove("plurals"),
            await stranger.act("plurals", "pin"),
            await stranger.refreshAll(),
            await stranger.send("POST", "/v1/load_lora_adapter", {
              lora_name: "life",
              lora_path: url("life"),
            }),
          ]
        ) {
          assert.deepEqual(refusal(answer), [401, code], JSON.stringify(headers));
          assert.equal(answer.headers.get("www-authenticate"), "Bearer");
        }
      }
      assert.equal((await server.logged(({ event }) => event === "admin_refused")).level, "warn");
      const beside = new AdaptersApi(server, {
        authorization: `Bearer ${KEY}`,
        "x-weft-admin-token": ADMIN,
      });
      assert.ok((await beside.names()).includes("plurals"));
      assert.ok(!(await api.names()).includes("life"), "no refused order was carried out");
      assert.equal(origin.server.requests.length, 0);
      // The admin token is no API key.
      const chat = await server.post("/v1/chat/completions", chatBody(server), {
        headers: { authorization: `Bearer ${ADMIN}` },
      });
      assert.equal(chat.status, 401, await chat.text());
    });

    await step("a request may name a URL, with the admin token beside its key", async () => {
      origin.place("by-request", rhymes);
      const signed = `${url("by-request")}?sig=${SECRET}`;
      const fields: ChatFields = { lora: [{ url: signed, scale: 1 }], logprobs: true };
      const names = await api.names();
      const post = async (
        headers: Record<string, string>,
        body: unknown = chatBody(server, fields),
      ) => {
        const response = await server.post("/v1/chat/completions", body, {
          headers: { authorization: `Bearer ${KEY}`, ...headers },
        });
        return { status: response.status, headers: response.headers, body: await response.json() };
      };
      assert.deepEqual(refusal(await post({})), [401, "admin_token_required"]);
      const wrong = { "x-weft-admin-token": KEY };
      assert.deepEqual(refusal(await post(wrong)), [401, "invalid_admin_token"]);
      assert.deepEqual(origin.server.requestsOf(`/by-request/${WEIGHTS}`), []);

      const admin = { "x-weft-admin-token": ADMIN };
      const cold = await post(admin);
      assert.equal(cold.status, 200, JSON.stringify(cold.body));
      assert.deepEqual(
        cold.body.choices,
        (await ask(server, { lora: [{ id: "rhymes" }], logprobs: true })).choices,
      );
      const { generation } = await identityOf(rhymes);
      assert.deepEqual(cold.body.weft.adapters, [
        { id: url("by-request"), generation, weight: 1, cache: "origin" },
      ]);
      const [asked] = origin.server.requestsOf(`/by-request/${WEIGHTS}`);
      assert.match(asked.path, new RegExp(`\\?sig=${SECRET}$`), "the query goes to the origin");
      const warm = await post(admin);
      assert.equal(warm.body.weft.cache, "gpu");
      assert.deepEqual(await api.names(), names, "it has no name");

      const gone = { lora: [{ url: `${url("nothing.zip")}?sig=${SECRET}` }] };
      assert.deepEqual(refusal(await post(admin, chatBody(server, gone))), [
        502,
        "origin_not_found",
      ]);
      const empty = { lora: [{ url: url("nothing") }] };
      assert.deepEqual(refusal(await post(admin, chatBody(server, empty))), [422, "missing_file"]);
      const elsewhere = { lora: [{ url: `https://other.invalid/x?sig=${SECRET}` }] };
      const refused = await post(admin, chatBody(server, elsewhere));
      assert.deepEqual(refusal(refused), [403, "host_not_allowed"]);
      assert.doesNotMatch(JSON.stringify([cold, warm, refused]), new RegExp(SECRET));
    });

    await step("no query, token or key is ever shown", async () => {
      origin.place("signed", rhymes);
      const query = `?sv=1&sig=${SECRET}`;
      const at = (path: string) => `${path}${query}`;
      assert.equal((await api.put("signed", { url: at(url("signed")) })).status, 201);
      assert.equal((await api.show("signed")).body.url, url("signed"));
      const bad: [body: Record<string, unknown>, status: number][] = [
        [{ url: at(url("missing")) }, 422],
        [{ url: at(url("missing.zip")) }, 502],
        [{ url: at("https://other.invalid/x") }, 403],
        [{ url: at(`http://user:${SECRET}@127.0.0.1/x`) }, 400],
        [{ url: at(`ftp://${SECRET}/x`) }, 403],
        [{ url: at("folder/adapter") }, 403],
        [{ url: at(url("signed")), sha256: UNKNOWN }, 422],
        [{ url: at(`http://127.0.0.1:${origin.server.port}1/x`) }, 400],
      ];
      for (const [body, status] of bad) {
        const answer = await api.put("signed", body);
        assert.equal(answer.status, status, JSON.stringify([body, answer.body]));
      }
      origin.remove("signed");
      assert.equal((await api.act("signed", "refresh")).status, 422);
      assert.equal((await api.put("unseen", { url: at(url("unseen")), wait: false })).status, 202);
      await api.until("unseen", ({ state }) => state === "failed");
      const models = JSON.stringify((await server.client.models.list()).data);
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      const all = [api.seen, server.process.stdout, server.process.stderr, models, metrics]
        .join("\n");
      assert.match(all, /adapter_fetch_started/, "the log is the whole one");
      assert.doesNotMatch(all, new RegExp([SECRET, ADMIN, KEY].join("|")));
    });
  });
});

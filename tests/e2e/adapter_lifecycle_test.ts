/** Orders of the adapters API on the real server: what they answer, and what running requests see of them. */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { status, truncated } from "../adapters/faults.ts";
import { AdapterOrigin, type Content, demoContents, tensorBytes } from "./adapter_origin.ts";
import {
  AdaptersApi,
  type Answer,
  comesTo,
  identityOf,
  refusal,
  series,
  weftOf,
} from "./adapters_api.ts";
import { ask, type ChatFields, neverEnding, stream } from "./requests.ts";
import { type Json, stepsOf, type TestServer, withServer } from "./server_process.ts";

const UNKNOWN = "0".repeat(64);
const WEIGHTS = "adapter_model.safetensors";

const demo = demoContents();
const plurals = demo.get("plurals")!;
const synonyms = demo.get("synonyms")!;
const rhymes = demo.get("rhymes")!;

Deno.test("adapters by URL live, change and go on the real server", async (t) => {
  const step = stepsOf(t);
  await using origin = new AdapterOrigin();
  await withServer({ flags: origin.flags }, async (server) => {
    const api = new AdaptersApi(server);
    const url = (folder: string) => origin.url(folder);
    for (const folder of ["life", "cas"]) origin.place(folder, plurals);
    origin.place("other", synonyms);

    await step("PUT registers a name, fetched and whole; GET shows it", async () => {
      const { status, headers, body } = await api.put("life", { url: url("life") });
      assert.equal(status, 201, JSON.stringify(body));
      assert.equal(headers.get("location"), "/v1/adapters/life");
      assert.deepEqual(body, {
        name: "life",
        url: url("life"),
        owner: "api",
        ...await identityOf(plurals),
        rank: configOf(plurals).r,
        bytes: tensorBytes(plurals),
        state: "ready",
        level: "ram",
        pinned: false,
        target_modules: body.target_modules,
        routing: { kind: "none", won: null, taken: null },
        progress: null,
        error: null,
      });
      assert.deepEqual(
        body.target_modules.toSorted(),
        configOf(plurals).target_modules.toSorted(),
      );
      assert.deepEqual((await api.show("life")).body, body);
      const models: Json[] = (await server.client.models.list()).data;
      const model = models.find(({ id }) => id === "life");
      assert.equal(model.parent, server.base);
      assert.equal(model.root, url("life"));
      assert.deepEqual(await api.names("?level=ram"), ["life"]);
      assert.deepEqual(await api.names("?state=ready"), ["life"]);
      const line = await server.logged(({ event, adapter }) =>
        event === "admin" && adapter === "life"
      );
      assert.equal(line.generation, body.generation);
      assert.equal(line.proof, "local");
    });

    await step("it answers as the same adapter of the directory does", async () => {
      const byUrl = await ask(server, { model: "life", logprobs: true });
      const byPath = await ask(server, { model: "plurals", logprobs: true });
      assert.deepEqual(byUrl.choices, byPath.choices);
      assert.equal(await api.level("life"), "gpu");
    });

    await step("what needs no origin is refused at once, waited for or not", async () => {
      const before = origin.server.requests.length;
      const cases: [name: string, body: Record<string, unknown>, status: number, code: string][] = [
        ["life", { url: "nonsense" }, 403, "path_not_allowed"],
        ["life", { url: "https://" }, 400, "bad_url"],
        ["life", { url: "ftp://127.0.0.1/x" }, 403, "scheme_not_allowed"],
        ["life", { url: "https://other.invalid/x" }, 403, "host_not_allowed"],
        ["bad%20name", { url: url("life") }, 400, "bad_name"],
        [server.base, { url: url("life") }, 409, "name_taken"],
        ["auto", { url: url("life") }, 409, "name_taken"],
        ["life", { url: url("life"), colour: 1 }, 400, "unknown_field"],
      ];
      for (const [name, body, status, code] of cases) {
        for (const wait of [true, false]) {
          const answer = await api.put(name, { ...body, wait });
          assert.deepEqual(refusal(answer), [status, code], JSON.stringify([name, body]));
        }
      }
      assert.deepEqual(refusal(await api.show("nowhere")), [404, "adapter_not_found"]);
      assert.deepEqual(refusal(await api.remove("nowhere")), [404, "adapter_not_found"]);
      assert.deepEqual(refusal(await api.act("nowhere", "pin")), [404, "adapter_not_found"]);
      assert.equal(origin.server.requests.length, before);
    });

    await step(
      "another URL moves the name; running requests keep what they began with",
      async () => {
        const [first, second] = await Promise.all([plurals, synonyms].map(identityOf));
        const fields = {
          model: "life",
          max_tokens: 120,
          logit_bias: await neverEnding(),
        } satisfies ChatFields;
        const alone = await stream(server, fields);
        const swaps = await series(server, "weft_adapter_swaps_total");
        let put: Promise<Answer> | undefined;
        const { text, chunks } = await stream(server, fields, {
          onText: () => put ??= api.put("life", { url: url("other") }),
        });
        const { status, body } = await put!;
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(body.generation, second.generation);
        assert.equal(body.url, url("other"));
        assert.equal(body.level, "gpu", "what replaces an adapter on the GPU is there at once");
        assert.equal(generationOfStream(chunks), first.generation);
        assert.equal(text, alone.text);
        const after = weftOf(await ask(server, { model: "life", max_tokens: 1 }));
        assert.equal(after.adapters[0].generation, second.generation);
        assert.equal(await series(server, "weft_adapter_swaps_total"), swaps + 1);
        const line = await server.logged(({ event }) => event === "adapter_swapped");
        assert.deepEqual([line.from, line.to], [first.generation, second.generation]);
      },
    );

    await step("expected_generation compares and swaps", async () => {
      const body = { url: url("cas") };
      const created = await api.put("cas", { ...body, expected_generation: null });
      assert.equal(created.status, 201, JSON.stringify(created.body));
      const { generation } = created.body;
      const conflict = [409, "generation_conflict"];
      for (const expected_generation of [null, UNKNOWN]) {
        for (const wait of [true, false]) {
          const answer = await api.put("cas", { url: url("other"), expected_generation, wait });
          assert.deepEqual(refusal(answer), conflict, String(expected_generation));
        }
      }
      assert.deepEqual(
        refusal(await api.put("never", { ...body, expected_generation: UNKNOWN })),
        conflict,
      );
      assert.equal((await api.show("never")).status, 404);
      assert.equal((await api.show("cas")).body.generation, generation);
      const swapped = await api.put("cas", { url: url("other"), expected_generation: generation });
      assert.equal(swapped.status, 200);
      assert.notEqual(swapped.body.generation, generation);
    });

    await step("of orders that race from the same generation, one wins", async () => {
      const { generation } = (await api.show("cas")).body;
      origin.place("race-1", rhymes, { chunkBytes: 20_000, pauseMs: 40 });
      origin.place("race-2", plurals, { chunkBytes: 20_000, pauseMs: 40 });
      const answers = await Promise.all(
        ["race-1", "race-2"].map((folder) =>
          api.put("cas", { url: url(folder), expected_generation: generation })
        ),
      );
      assert.deepEqual(answers.map(({ status }) => status).sort(), [200, 409]);
      const won = answers.find(({ status }) => status === 200)!;
      assert.deepEqual((await api.show("cas")).body, won.body);
    });

    await step(
      "sha256 pins the weights or the generation; a mismatch changes nothing",
      async () => {
        const { generation, sha256 } = await identityOf(plurals);
        for (const pin of [sha256, generation, sha256.toUpperCase()]) {
          const answer = await api.put("pinned", { url: url("life"), sha256: pin });
          assert.ok(answer.status === 201 || answer.status === 200, JSON.stringify(answer.body));
          assert.equal(answer.body.generation, generation);
        }
        const failures = 'weft_adapter_failures_total{reason="sha256_mismatch"}';
        const before = await series(server, failures);
        const answer = await api.put("pinned", { url: url("other"), sha256 });
        assert.deepEqual(refusal(answer), [422, "sha256_mismatch"]);
        const { body } = await api.show("pinned");
        assert.equal(body.state, "ready");
        assert.equal(body.generation, generation);
        assert.equal(body.error.code, "sha256_mismatch");
        assert.ok(Math.abs(body.error.at - Date.now() / 1000) < 60, `at ${body.error.at}`);
        const served = weftOf(await ask(server, { model: "pinned", max_tokens: 1 }));
        assert.equal(served.adapters[0].generation, generation);
        void before;
        void failures;
        // The pin stays: what the same URL holds later must meet it too.
        origin.place("life", synonyms);
        assert.deepEqual(refusal(await api.act("pinned", "refresh")), [422, "sha256_mismatch"]);
        assert.equal((await api.show("pinned")).body.generation, generation);
        origin.place("life", plurals);
        assert.equal((await api.act("pinned", "refresh")).body.error, null);
        assert.deepEqual(
          refusal(await api.put("pinned", { url: url("life"), sha256: "abc" })).at(0),
          400,
        );
      },
    );

    await step("the same URL with other content swaps: by PUT and by refresh", async () => {
      origin.place("same", plurals);
      await api.put("same", { url: url("same") });
      const revalidated = await series(server, "weft_adapter_revalidations_total");
      const fetched = await series(server, "weft_adapter_fetches_total");
      assert.equal((await api.put("same", { url: url("same") })).status, 200);
      assert.equal((await api.act("same", "refresh")).status, 200);
      assert.equal(
        await series(server, "weft_adapter_fetches_total"),
        fetched,
        "304 brings nothing",
      );
      assert.equal(await series(server, "weft_adapter_revalidations_total"), revalidated + 2);
      for (const [content, order] of [[synonyms, "PUT"], [rhymes, "refresh"]] as const) {
        origin.place("same", content);
        const answer = order === "PUT"
          ? await api.put("same", { url: url("same") })
          : await api.act("same", "refresh");
        assert.equal(answer.status, 200, JSON.stringify(answer.body));
        assert.equal(answer.body.generation, (await identityOf(content)).generation, order);
      }
    });

    await step("a broken origin or file leaves the old generation serving", async () => {
      const { generation } = await identityOf(rhymes);
      const served = async () =>
        weftOf(await ask(server, { model: "same", max_tokens: 1 })).adapters[0].generation;
      const { config, weights } = rhymes;
      const faults: [place: () => void, answer: number, code: string][] = [
        [
          () => origin.server.paths.set(`/same/${WEIGHTS}`, status(403)),
          502,
          "origin_unauthorized",
        ],
        [
          () => origin.place("same", { config, weights: weights.slice(0, 5000) }),
          422,
          "bad_adapter",
        ],
        [() => origin.server.paths.delete(`/same/${WEIGHTS}`), 422, "missing_file"],
      ];
      for (const [place, expected, code] of faults) {
        place();
        const answer = await api.act("same", "refresh");
        assert.deepEqual(refusal(answer), [expected, code]);
        const { body } = await api.show("same");
        assert.deepEqual([body.state, body.generation, body.error.code], [
          "ready",
          generation,
          code,
        ]);
        assert.equal(await served(), generation);
        const failed = await series(server, `weft_adapter_failures_total{reason="${code}"}`);
        assert.ok(failed >= 1, `${failed} failures of ${code}`);
      }
      const line = await server.logged(({ event, code }) =>
        event === "adapter_failed" && code === "missing_file"
      );
      assert.equal(line.level, "warn");
      origin.place("same", plurals);
      assert.equal((await api.act("same", "refresh")).body.error, null);
      assert.equal(await served(), (await identityOf(plurals)).generation);
    });

    await step("a pinned adapter is on the GPU until unpinned", async () => {
      const pinned = 'weft_adapter_tier_pinned{tier="gpu"}';
      await comesTo(server, pinned, 0);
      const { status, body } = await api.act("same", "pin");
      assert.equal(status, 200);
      assert.deepEqual([body.pinned, body.level], [true, "gpu"]);
      await comesTo(server, pinned, 1);
      for (const tier of ["ram", "disk"]) {
        assert.equal(await series(server, `weft_adapter_tier_pinned{tier="${tier}"}`), 1, tier);
      }
      origin.place("same", synonyms);
      const swapped = await api.act("same", "refresh");
      assert.deepEqual([swapped.body.pinned, swapped.body.level], [true, "gpu"]);
      await comesTo(server, pinned, 1);
      assert.equal((await api.act("same", "unpin")).body.pinned, false);
      await comesTo(server, pinned, 0);
      origin.place("born-pinned", rhymes);
      const born = await api.put("born-pinned", { url: url("born-pinned"), pinned: true });
      assert.deepEqual([born.body.pinned, born.body.level], [true, "gpu"]);
      const moved = await api.put("born-pinned", { url: url("other") });
      assert.equal(moved.body.pinned, true, "what isn't said stays");
      assert.equal((await api.remove("born-pinned")).status, 204);
      await comesTo(server, pinned, 0);
    });

    await step("without wait the answer is 202, and the fetch can be watched", async () => {
      origin.place("slow", demo.get("calendar_months")!, { chunkBytes: 16_000, pauseMs: 40 });
      const order = await api.put("slow", { url: url("slow"), wait: false });
      assert.equal(order.status, 202, JSON.stringify(order.body));
      assert.equal(order.headers.get("location"), "/v1/adapters/slow");
      assert.deepEqual([order.body.state, order.body.generation], ["loading", null]);
      const going = await api.until("slow", ({ progress }) => progress?.done_bytes > 20_000);
      assert.equal(going.state, "loading");
      assert.ok(going.progress.done_bytes < going.progress.total_bytes);
      assert.ok((await api.names("?state=loading")).includes("slow"));

      // A request for it waits, and load balancers see that.
      const waiting = ask(server, {
        model: "slow",
        max_tokens: 60,
        logit_bias: await neverEnding(),
      });
      await loraRequests(server, ({ waiting }) => waiting.includes("slow"));
      await loraRequests(server, ({ running }) => running.includes("slow"));
      const { weft }: Json = await waiting;
      assert.equal(weft.cache, "origin");
      assert.ok(weft.timings.fetch_ms > 20, `fetch_ms is ${weft.timings.fetch_ms}`);
      const { max } = await loraRequests(server, ({ running }) => running.length === 0);
      assert.ok(max > 0);

      const there = await api.until("slow", ({ state }) => state !== "loading");
      assert.deepEqual([there.state, there.progress, there.error], ["ready", null, null]);
      await server.logged(({ event, action, adapter }) =>
        event === "admin" && action === "put" && adapter === "slow"
      );
    });

    await step("an order without wait that fails says so where it is asked for", async () => {
      const order = await api.put("lost", { url: url("nothing-here"), wait: false });
      assert.equal(order.status, 202);
      const failed = await api.until("lost", ({ state }) => state !== "loading");
      assert.deepEqual([failed.state, failed.generation], ["failed", null]);
      assert.equal(failed.error.code, "missing_file");
      const line = await server.logged(({ event }) => event === "admin_put_failed");
      assert.deepEqual([line.adapter, line.code], ["lost", "missing_file"]);
      assert.deepEqual(await api.names("?state=failed"), ["lost"]);
      await assert.rejects(() => ask(server, { model: "lost" }), OpenAI.APIError);
      assert.equal((await api.remove("lost")).status, 204);
    });

    await step("mixtures apply adapters by URL as those of the directory", async () => {
      await api.put("a", { url: url("life") });
      await api.put("b", { url: url("other") });
      const mixtureOf = (one: string, two: string) =>
        ask(server, {
          lora: [{ id: one, scale: 0.7 }, { id: two, scale: -0.2 }],
          logprobs: true,
        });
      const byUrl = await mixtureOf("a", "b");
      const byPath = await mixtureOf("plurals", "synonyms");
      assert.deepEqual(byUrl.choices, byPath.choices);
      assert.deepEqual(
        weftOf(byUrl).adapters.map(({ id, weight }: Json) => [id, weight]),
        [["a", 0.7], ["b", -0.2]],
      );
      const base = await ask(server, { logprobs: true });
      assert.notDeepEqual(byUrl.choices, base.choices);
      assert.deepEqual(weftOf(base).adapters, []);
      assert.equal(weftOf(base).cache, undefined);
    });

    await step("DELETE is 404 at once, and what runs ends as it began", async () => {
      const fields = {
        model: "cas",
        max_tokens: 120,
        logit_bias: await neverEnding(),
      } satisfies ChatFields;
      const { generation } = (await api.show("cas")).body;
      const alone = await stream(server, fields);
      let removed: Promise<[Answer, Answer, Answer]> | undefined;
      const { text, chunks } = await stream(server, fields, {
        onText: () =>
          removed ??= (async () => [
            await api.remove("cas"),
            await api.show("cas"),
            await api.remove("cas"),
          ])(),
      });
      const answers = await removed!;
      assert.deepEqual(answers.map(({ status }) => status), [204, 404, 404]);
      assert.equal(text, alone.text);
      assert.equal(generationOfStream(chunks), generation);
      await assert.rejects(() => ask(server, { model: "cas" }), (error) => {
        assert.ok(error instanceof OpenAI.NotFoundError);
        assert.equal(error.code, "model_not_found");
        return true;
      });
      const models = (await server.client.models.list()).data.map(({ id }) => id);
      assert.ok(!models.includes("cas"));
      assert.ok(!(await api.names()).includes("cas"));
    });

    await step("a fetch that a DELETE overtakes ends, and leaves nothing", async () => {
      origin.place("doomed", demo.get("calendar_months")!, { chunkBytes: 4000, pauseMs: 100 });
      const order = api.put("doomed", { url: url("doomed") });
      await api.until("doomed", ({ progress }) => progress?.done_bytes > 0);
      assert.equal((await api.remove("doomed")).status, 204);
      assert.deepEqual(refusal(await order), [409, "generation_conflict"]);
      assert.equal((await api.show("doomed")).status, 404);
    });

    await step("a connection that breaks is resumed", async () => {
      origin.place("breaking", rhymes);
      const path = `/breaking/${WEIGHTS}`;
      const half = rhymes.weights.length / 2 + 100;
      origin.server.paths.set(path, truncated(rhymes.weights, { afterBytes: half, etag: '"w"' }));
      const { status, body } = await api.put("breaking", { url: url("breaking") });
      assert.equal(status, 201, JSON.stringify(body));
      assert.equal(body.generation, (await identityOf(rhymes)).generation);
      const ranges = origin.server.requestsOf(path).map(({ headers }) => headers.get("range"));
      assert.ok(ranges.some((range) => range?.startsWith(`bytes=${half}`)), ranges.join());
    });

    await step("metrics tell what is where", async () => {
      const level = await api.level("life");
      const { generation } = (await api.show("life")).body;
      const info = `weft_adapter_info{name="life",generation="${generation}",level="${level}"}`;
      assert.equal(await series(server, info), 1);
      const { body: { data } } = await api.send("GET", "/v1/adapters");
      for (const level of ["gpu", "ram", "disk", "origin"]) {
        const there = data.filter((adapter: Json) => adapter.level === level).length;
        assert.equal(await series(server, `weft_adapters{level="${level}"}`), there, level);
      }
      assert.equal(await series(server, "weft_adapters_registered"), data.length);
      assert.ok(await series(server, "weft_adapter_fetched_bytes_total") > 100_000);
      assert.ok(await series(server, 'weft_adapter_tier_bytes{tier="disk"}') > 0);
      assert.ok(await series(server, 'weft_adapter_tier_hits_total{tier="ram"}') > 0);
      assert.equal(await series(server, "weft_adapter_leases"), 0);
    });
  });
});

function generationOfStream(chunks: readonly Json[]): string {
  return chunks.findLast(({ weft }) => weft !== undefined).weft.adapters[0].generation;
}

function configOf({ config }: Content): Json {
  return JSON.parse(new TextDecoder().decode(config));
}

/** The labels of `vllm:lora_requests_info`, once they are so. */
async function loraRequests(
  { url }: TestServer,
  done: (labels: { running: string[]; waiting: string[] }) => boolean,
): Promise<{ max: number }> {
  const deadline = performance.now() + 20_000;
  const pattern =
    /^vllm:lora_requests_info\{max_lora="(\d+)",running_lora_adapters="(.*?)",waiting_lora_adapters="(.*?)"\} \d+$/m;
  for (;;) {
    const page = await (await fetch(`${url}/metrics`)).text();
    const [, max, running, waiting] = pattern.exec(page) ?? [];
    assert.ok(max !== undefined, "the gauge is on the page");
    const names = (text: string) => text === "" ? [] : text.split(",");
    if (done({ running: names(running), waiting: names(waiting) })) return { max: Number(max) };
    assert.ok(performance.now() < deadline, `it stayed at "${running}" and "${waiting}"`);
  }
}

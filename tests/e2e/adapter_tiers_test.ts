/** Where adapters are: on the GPU, in memory, on the disk or at their origin, and who may say so. */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { AdapterOrigin, demoContents, tensorBytes } from "./adapter_origin.ts";
import { AdaptersApi, refusal, series, weftOf } from "./adapters_api.ts";
import { ask, type ChatFields } from "./requests.ts";
import { stepsOf, withServer } from "./server_process.ts";

Deno.test("without a token, this machine's users are admins; caches tell where adapters were", async (t) => {
  const step = stepsOf(t);
  await using origin = new AdapterOrigin();
  // Of one size; room for one on the GPU, two in memory and three on the disk.
  const names = ["counting_objects", "dictionary_order", "kinds_of_things", "list_extraction"];
  const demo = demoContents();
  const contents = names.map((name) => demo.get(name)!);
  const memory = tensorBytes(contents[0]) * 2.5;
  const disk = (contents[0].weights.length + contents[0].config.length) * 3.5;
  const flags = [
    ...[...origin.flags, "--max-adapters", "1"],
    ...["--adapter-memory", `${memory}B`, "--adapter-disk", `${Math.floor(disk)}B`],
  ];
  await withServer({ flags }, async (server) => {
    const api = new AdaptersApi(server);
    const adapters = ["a", "b", "c", "d"];
    const levels = () => Promise.all(adapters.map((name) => api.level(name)));
    const fetches = () => series(server, "weft_adapter_fetches_total");

    await step("what leaves a tier for want of room is in the next", async () => {
      for (const [i, name] of adapters.entries()) {
        origin.place(name, contents[i]);
        assert.equal((await api.put(name, { url: origin.url(name) })).status, 201);
      }
      assert.deepEqual(await levels(), ["origin", "disk", "ram", "ram"]);
    });

    await step("`cache` is where an adapter was found", async () => {
      const cacheOf = async (model: string) =>
        weftOf(await ask(server, { model, max_tokens: 2 })).cache;
      const fetched = await fetches();
      assert.equal(await cacheOf("d"), "ram");
      assert.equal(await cacheOf("d"), "gpu");
      assert.deepEqual(await levels(), ["origin", "disk", "ram", "gpu"]);
      assert.equal(await cacheOf("c"), "ram");
      assert.deepEqual(await levels(), ["origin", "disk", "gpu", "ram"]);
      assert.equal(await cacheOf("b"), "disk");
      assert.deepEqual(await levels(), ["origin", "gpu", "ram", "disk"]);
      assert.equal(await fetches(), fetched, "nothing was fetched so far");
      assert.equal(await cacheOf("a"), "origin");
      assert.equal(await fetches(), fetched + 1);
      assert.equal(await cacheOf("a"), "gpu");
      assert.equal(await cacheOf("c"), "origin");
      assert.equal(await fetches(), fetched + 2);
      for (const tier of ["gpu", "ram", "disk"]) {
        const evictions = `weft_adapter_tier_evictions_total{tier="${tier}"}`;
        assert.ok(await series(server, evictions) > 0, tier);
        const used = await series(server, `weft_adapter_tier_bytes{tier="${tier}"}`);
        assert.ok(used > 0, tier);
        if (tier === "gpu") continue;
        assert.ok(used <= await series(server, `weft_adapter_tier_max_bytes{tier="${tier}"}`));
      }
    });

    await step("fetch_ms is the time that the origin took", async () => {
      origin.place("a", contents[0], { chunkBytes: 10_000, pauseMs: 60 });
      assert.equal((await api.put("a", { url: origin.url("a") })).status, 200);
      for (const model of ["b", "c", "d"]) await ask(server, { model, max_tokens: 1 });
      assert.equal(await api.level("a"), "origin");
      const cold = weftOf(await ask(server, { model: "a", max_tokens: 1 }));
      assert.equal(cold.cache, "origin");
      const least = Math.floor(contents[0].weights.length / 10_000) * 60;
      assert.ok(cold.timings.fetch_ms >= least, `${cold.timings.fetch_ms} ms of ${least}`);
      const warm = weftOf(await ask(server, { model: "a", max_tokens: 1 }));
      assert.equal(warm.cache, "gpu");
      assert.ok(warm.timings.fetch_ms < least, `${warm.timings.fetch_ms} ms when warm`);
    });

    await step("requests name no URLs unless the operator says so", async () => {
      const fields: ChatFields = { lora: [{ url: origin.url("b") }] };
      const before = origin.server.requests.length;
      await assert.rejects(() => ask(server, fields), (error) => {
        assert.ok(error instanceof OpenAI.PermissionDeniedError);
        assert.equal(error.code, "request_urls_off");
        assert.equal(error.param, "lora");
        return true;
      });
      assert.equal(origin.server.requests.length, before);
    });

    await step(
      "a request through a proxy or from another site is nobody's of this machine",
      async () => {
        for (
          const headers of [
            { "x-forwarded-for": "127.0.0.1" },
            { via: "1.1 proxy" },
            { origin: "https://elsewhere.example" },
            { "sec-fetch-site": "cross-site" },
          ] as Record<string, string>[]
        ) {
          const stranger = new AdaptersApi(server, headers);
          const answer = await stranger.remove("b");
          assert.deepEqual(refusal(answer), [403, "admin_off"], JSON.stringify(headers));
        }
        assert.equal((await api.show("b")).status, 200);
      },
    );
  });
});

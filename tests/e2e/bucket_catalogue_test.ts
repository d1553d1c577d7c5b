/** A whole bucket as the catalogue of the real server, behind servers that verify signatures. */
import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import OpenAI from "openai";
import { CONFIG_FILE, WEIGHTS_FILE } from "../../adapters/peft/mod.ts";
import { makeTar } from "../adapters/download/tar_builder.ts";
import { makeZip } from "../adapters/download/zip_builder.ts";
import { startAzurite } from "../services/azurite.ts";
import { type S3Service, startS3 } from "../services/s3.ts";
import { type Content, demoContents } from "./adapter_origin.ts";
import { AdaptersApi, comesTo, identityOf, refusal, series, weftOf } from "./adapters_api.ts";
import { ask } from "./requests.ts";
import { type Json, stepsOf, type TestServer, withServer } from "./server_process.ts";

const BUCKET = "adapters";
const PLACE = `s3://${BUCKET}/team/`;
const WRONG_SECRET = "wrong-and-not-to-be-shown";

const demo = demoContents();
const plurals = demo.get("plurals")!;
const synonyms = demo.get("synonyms")!;
const rhymes = demo.get("rhymes")!;

Deno.test("a bucket is the catalogue: listed, fetched on first use, followed", async (t) => {
  const step = stepsOf(t);
  const stateDir = await Deno.makeTempDir();
  const s3 = await startS3();
  try {
    await s3.createBucket(BUCKET);
    await placeFolder(s3, "team/sql", plurals);
    await placeFolder(s3, "team/nested/mail", synonyms);
    await placeFolder(s3, "elsewhere/other", synonyms);
    await s3.put(BUCKET, "team/zipped.zip", zipOf(rhymes));
    await s3.put(BUCKET, "team/packed.tar.gz", tarGzOf(synonyms));
    await s3.put(BUCKET, "team/lone.safetensors", loneOf(plurals));
    await s3.put(BUCKET, "team/README.md", "not an adapter");
    // The demo's adapters beside it tell what each must answer.
    const flags = [
      ...["--allow-insecure-loopback", "--adapters", "models/demo/adapters"],
      ...["--adapters", PLACE, "--adapter-refresh", "3600"],
    ];
    const env = environmentOf(s3);
    const listed = ["lone", "mail", "packed", "sql", "zipped"];

    await withServer({ flags, env, stateDir }, async (server) => {
      const api = new AdaptersApi(server);
      const fetches = () => series(server, "weft_adapter_fetches_total");
      const cacheOf = async (model: string) =>
        weftOf(await ask(server, { model, max_tokens: 1 })).cache;

      await step("all are registered, none is fetched", async () => {
        const { body } = await api.send("GET", "/v1/adapters");
        const own = body.data.filter(({ url }: Json) => url.startsWith("s3://"));
        assert.deepEqual(own.map(({ name }: Json) => name), listed);
        for (const { name, url, ...adapter } of own) {
          assert.ok(url.startsWith(PLACE), url);
          assert.deepEqual(
            [adapter.owner, adapter.state, adapter.level, adapter.generation, adapter.error],
            ["catalogue", "registered", "origin", null, null],
            name,
          );
          assert.ok(server.adapters.includes(name), name);
        }
        assert.equal(await fetches(), 0);
        assert.equal(await series(server, "weft_adapter_fetched_bytes_total"), 0);
      });

      await step("a first use fetches; folders, archives and lone files all serve", async () => {
        const same: [name: string, as: string, content: Content][] = [
          ["sql", "plurals", plurals],
          ["mail", "synonyms", synonyms],
          ["zipped", "rhymes", rhymes],
          ["packed", "synonyms", synonyms],
          ["lone", "plurals", plurals],
        ];
        for (const [name, as, content] of same) {
          const answer = await ask(server, { model: name, logprobs: true });
          const expected = await ask(server, { model: as, logprobs: true });
          assert.deepEqual(answer.choices, expected.choices, name);
          // Those that are content already known to the memory are no less fetched.
          assert.equal(weftOf(answer).cache, "origin", name);
          const { body } = await api.show(name);
          assert.deepEqual([body.state, body.level], ["ready", "gpu"], name);
          if (name === "lone") continue;
          assert.equal(body.generation, (await identityOf(content)).generation, name);
        }
        assert.equal(await cacheOf("sql"), "gpu");
      });

      await step("a refresh that finds nothing new fetches nothing", async () => {
        const before = await fetches();
        const { status, body } = await api.refreshAll();
        assert.equal(status, 200, JSON.stringify(body));
        assert.equal(body.object, "list");
        assert.equal(await fetches(), before);
      });

      await step("a changed object is swapped, a removed one 404, a new one there", async () => {
        const swaps = await series(server, "weft_adapter_swaps_total");
        await placeFolder(s3, "team/sql", rhymes);
        await s3.delete(BUCKET, "team/zipped.zip");
        await placeFolder(s3, "team/fresh", synonyms);
        const { body } = await api.refreshAll();
        const names = body.data.map(({ name }: Json) => name);
        assert.ok(names.includes("fresh") && !names.includes("zipped"), names.join());
        const { generation } = await identityOf(rhymes);
        const sql = await api.until("sql", (adapter) => adapter.generation === generation);
        assert.equal(sql.level, "gpu", "what was warm is swapped warm");
        assert.equal(await series(server, "weft_adapter_swaps_total"), swaps + 1);
        const answer = await ask(server, { model: "sql", logprobs: true });
        assert.deepEqual(
          answer.choices,
          (await ask(server, { model: "rhymes", logprobs: true })).choices,
        );
        await assert.rejects(() => ask(server, { model: "zipped" }), OpenAI.NotFoundError);
        assert.equal((await api.show("zipped")).status, 404);
        assert.equal((await api.show("fresh")).body.state, "registered");
        assert.equal(await cacheOf("fresh"), "origin");
      });

      await step("a deleted one stays deleted until a PUT brings it back", async () => {
        assert.equal((await api.remove("mail")).status, 204);
        await api.refreshAll();
        assert.equal((await api.show("mail")).status, 404);
        const put = await api.put("mail", { url: `${PLACE}nested/mail` });
        assert.equal(put.status, 201, JSON.stringify(put.body));
        assert.equal(put.body.owner, "api");
        assert.equal((await api.remove("mail")).status, 204);
        await api.refreshAll();
        assert.equal((await api.show("mail")).status, 404);
      });

      await step("an adapter of the bucket takes no credentials elsewhere", async () => {
        const query = await api.put("sql", { url: `${PLACE}sql?x=1` });
        assert.deepEqual(refusal(query), [400, "bad_url"]);
        const missing = await api.put("none", { url: `${PLACE}none.zip` });
        assert.deepEqual(refusal(missing), [502, "origin_not_found"]);
        const bucket = await api.put("none", { url: "s3://no-such-bucket/x.zip" });
        assert.equal(bucket.status, 502, JSON.stringify(bucket.body));
        await api.remove("none");
      });
    });

    await step("with a wrong secret what is known serves, and the log says why", async () => {
      const wrong = { ...env, AWS_SECRET_ACCESS_KEY: WRONG_SECRET };
      await withServer({ flags, env: wrong, stateDir }, async (server) => {
        const api = new AdaptersApi(server);
        await refusedListing(server);
        assert.ok(server.adapters.includes("sql"));
        assert.ok(!server.adapters.includes("mail"), "deleted before the restart");
        assert.equal(weftOf(await ask(server, { model: "sql", max_tokens: 1 })).cache, "disk");
        assert.deepEqual(refusal(await api.refreshAll()), [502, "origin_unauthorized"]);
        assert.ok((await api.names()).includes("sql"), "nothing was taken away");
        assert.doesNotMatch(api.seen + server.process.stderr, new RegExp(WRONG_SECRET));
      });
    });

    await step("a server without state starts all the same", async () => {
      const wrong = { ...env, AWS_SECRET_ACCESS_KEY: WRONG_SECRET };
      await withServer({ flags, env: wrong }, async (server) => {
        await refusedListing(server);
        const attempts = server.process.logs()
          .filter(({ event }) => event === "adapter_listing_failed").length;
        assert.ok(attempts < 3, `it was not ready before ${attempts} attempts`);
        assert.ok(server.adapters.includes("plurals"), "other places are listed");
        assert.ok(!server.adapters.includes("sql"));
        await ask(server, { model: "plurals", max_tokens: 1 });
      });
    });

    await step("a place that can't be listed at the start is once it can", async () => {
      const flags = ["--allow-insecure-loopback", "--adapters", "s3://late", "--adapters", PLACE];
      await withServer({ flags, env }, async (server) => {
        const line = await server.logged(({ event }) => event === "adapter_listing_failed");
        assert.equal(line.place, "s3://late");
        assert.ok(server.adapters.includes("sql"), "the other place is listed");
        await s3.createBucket("late");
        for (
          const [file, bytes] of [[CONFIG_FILE, rhymes.config], [
            WEIGHTS_FILE,
            rhymes.weights,
          ]] as const
        ) {
          await s3.put("late", `punctual/${file}`, bytes);
        }
        const api = new AdaptersApi(server);
        await api.answering(() => api.show("punctual"), ({ status }) => status === 200);
        const { cache } = weftOf(await ask(server, { model: "punctual", max_tokens: 1 }));
        assert.equal(cache, "origin");
      });
    });
  } finally {
    await s3.stop();
    await Deno.remove(stateDir, { recursive: true });
  }
});

Deno.test("a container of Azure is a catalogue too", async () => {
  const container = "adapters";
  await using azurite = await startAzurite();
  await azurite.createContainer(container);
  await azurite.put(container, `team/sql/${CONFIG_FILE}`, plurals.config);
  await azurite.put(container, `team/sql/${WEIGHTS_FILE}`, plurals.weights);
  const flags = [
    ...["--allow-insecure-loopback", "--adapters", "models/demo/adapters"],
    ...["--adapters", `az://${container}/team`],
  ];
  const env = {
    AZURE_STORAGE_ACCOUNT: azurite.account,
    AZURE_STORAGE_KEY: azurite.key,
    AZURE_STORAGE_ENDPOINT: azurite.endpoint,
  };
  await withServer({ flags, env }, async (server) => {
    const api = new AdaptersApi(server);
    const answer = await ask(server, { model: "sql", logprobs: true });
    assert.equal(weftOf(answer).cache, "origin");
    const expected = await ask(server, { model: "plurals", logprobs: true });
    assert.deepEqual(answer.choices, expected.choices);

    // A shared access signature in a URL goes before the account's key.
    const sas = azurite.sas(container);
    const signed = await api.put("signed", { url: `az://${container}/team/sql?${sas}` });
    assert.equal(signed.status, 201, JSON.stringify(signed.body));
    assert.equal(signed.body.url, `az://${container}/team/sql`);
    const expired = azurite.sas(container, { expires: "2020-01-01T00:00:00Z" });
    const refused = await api.put("expired", { url: `az://${container}/team/sql?${expired}` });
    assert.deepEqual(refusal(refused), [502, "origin_unauthorized"]);
    const signature = new URLSearchParams(sas).get("sig")!;
    const all = decodeURIComponent(api.seen + server.process.stderr + server.process.stdout);
    assert.ok(!all.includes(signature) && !all.includes(azurite.key), "a secret is shown");
    await comesTo(server, "weft_adapter_leases", 0);
  });
});

function environmentOf(s3: S3Service): Record<string, string> {
  return {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
}

async function placeFolder(s3: S3Service, key: string, content: Content): Promise<void> {
  await s3.put(BUCKET, `${key}/${CONFIG_FILE}`, content.config);
  await s3.put(BUCKET, `${key}/${WEIGHTS_FILE}`, content.weights);
}

function entriesOf({ config, weights }: Content): { name: string; data: Uint8Array }[] {
  return [{ name: CONFIG_FILE, data: config }, { name: WEIGHTS_FILE, data: weights }];
}

function zipOf(content: Content): Uint8Array<ArrayBuffer> {
  return makeZip(entriesOf(content));
}

function tarGzOf(content: Content): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(makeTar(entriesOf(content))));
}

/** The configuration's text in the file's own metadata. */
function loneOf({ config, weights }: Content): Uint8Array<ArrayBuffer> {
  const length = Number(new DataView(weights.buffer).getBigUint64(0, true));
  const header = JSON.parse(new TextDecoder().decode(weights.subarray(8, 8 + length)));
  const __metadata__ = {
    ...header.__metadata__,
    [CONFIG_FILE]: new TextDecoder().decode(config),
  };
  const text = JSON.stringify({ ...header, __metadata__ });
  // Padded, so that the tensors stay aligned.
  const own = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 8) * 8));
  const lone = new Uint8Array(8 + own.length + weights.length - 8 - length);
  new DataView(lone.buffer).setBigUint64(0, BigInt(own.length), true);
  lone.set(own, 8);
  lone.set(weights.subarray(8 + length), 8 + own.length);
  return lone;
}

async function refusedListing(server: TestServer): Promise<void> {
  const line = await server.logged(({ event }) => event === "adapter_listing_failed");
  assert.equal(line.level, "warn");
  assert.equal(line.code, "origin_unauthorized");
  assert.equal(line.place, PLACE);
  assert.match(line.message, /refused/);
}

/** Two real servers follow one manifest in a bucket. */
import assert from "node:assert/strict";
import OpenAI from "openai";
import { CONFIG_FILE, WEIGHTS_FILE } from "../../adapters/peft/mod.ts";
import { type S3Service, startS3 } from "../services/s3.ts";
import { demoContents } from "./adapter_origin.ts";
import { AdaptersApi, identityOf, refusal, weftOf } from "./adapters_api.ts";
import { ask } from "./requests.ts";
import { type Json, stepsOf, withServer } from "./server_process.ts";

const BUCKET = "fleet";
const MANIFEST = `s3://${BUCKET}/manifest.json`;
const SECRET = "sig-that-nobody-may-see";

const demo = demoContents();
const contents = {
  plurals: demo.get("plurals")!,
  synonyms: demo.get("synonyms")!,
  rhymes: demo.get("rhymes")!,
};
type Name = keyof typeof contents;

Deno.test("two servers converge on a manifest in a bucket", async (t) => {
  const step = stepsOf(t);
  await using s3 = await startS3();
  await s3.createBucket(BUCKET);
  for (const [name, { config, weights }] of Object.entries(contents)) {
    await s3.put(BUCKET, `${name}/${CONFIG_FILE}`, config);
    await s3.put(BUCKET, `${name}/${WEIGHTS_FILE}`, weights);
  }
  await publish(s3, { sql: { url: at("plurals") }, mail: { url: at("synonyms") } });
  const options = {
    flags: [
      ...["--allow-insecure-loopback", "--adapters", "models/demo/adapters"],
      ...["--adapter-manifest", MANIFEST, "--adapter-refresh", "1"],
    ],
    env: {
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_REGION: s3.region,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    },
  };
  await withServer(options, (one) =>
    withServer(options, async (two) => {
      const replicas = [one, two].map((server) => ({ server, api: new AdaptersApi(server) }));
      type Replica = typeof replicas[number];
      const each = async (body: (replica: Replica) => Promise<void>): Promise<void> => {
        await Promise.all(replicas.map(body));
      };
      const answersAs = async ({ server }: Replica, name: string, as: Name) => {
        const answer = await ask(server, { model: name, logprobs: true });
        const expected = await ask(server, { model: as, logprobs: true });
        assert.deepEqual(answer.choices, expected.choices);
        const { generation } = await identityOf(contents[as]);
        assert.equal(weftOf(answer).adapters[0].generation, generation);
      };

      await step("both know its adapters from the start", () =>
        each(async (replica) => {
          const { server, api } = replica;
          assert.deepEqual(await managed(api), ["mail", "sql"]);
          assert.ok(server.adapters.includes("sql"));
          const { body } = await api.show("sql");
          assert.deepEqual([body.owner, body.state, body.level, body.url], [
            "manifest",
            "registered",
            "origin",
            at("plurals"),
          ]);
          await answersAs(replica, "sql", "plurals");
          await answersAs(replica, "mail", "synonyms");
        }));

      await step("a rewritten manifest reaches both: moved, removed, added, pinned", async () => {
        await publish(s3, {
          sql: { url: at("rhymes") },
          fresh: { url: at("synonyms"), pinned: true },
        });
        const { generation } = await identityOf(contents.rhymes);
        await each(async (replica) => {
          const { server, api } = replica;
          await api.until("sql", (adapter) => adapter.generation === generation);
          const fresh = await api.until("fresh", ({ level }) => level === "gpu");
          assert.equal(fresh.pinned, true);
          assert.deepEqual(await managed(api), ["fresh", "sql"]);
          assert.equal((await api.show("mail")).status, 404);
          await assert.rejects(() => ask(server, { model: "mail" }), OpenAI.NotFoundError);
          await answersAs(replica, "sql", "rhymes");
          await answersAs(replica, "fresh", "synonyms");
        });
      });

      await step(
        "PUT and DELETE are the manifest's; pins and refreshes are a replica's own",
        async () => {
          const [{ api }, other] = replicas;
          const managedBy = [409, "managed_by_manifest"];
          for (const name of ["sql", "brand-new"]) {
            for (const wait of [true, false]) {
              assert.deepEqual(
                refusal(await api.put(name, { url: at("plurals"), wait })),
                managedBy,
              );
            }
          }
          assert.deepEqual(refusal(await api.remove("sql")), managedBy);
          const load = await api.send("POST", "/v1/load_lora_adapter", {
            lora_name: "brand-new",
            lora_path: at("plurals"),
          });
          assert.deepEqual(refusal(load), managedBy);
          const unload = await api.send("POST", "/v1/unload_lora_adapter", { lora_name: "sql" });
          assert.deepEqual(refusal(unload), managedBy);
          assert.equal((await api.act("sql", "pin")).body.pinned, true);
          assert.equal((await api.act("sql", "refresh")).status, 200);
          assert.equal((await other.api.show("sql")).body.pinned, false);
          assert.equal((await api.refreshAll()).status, 200);
          assert.equal((await api.show("sql")).body.pinned, true, "the manifest leaves it open");
          assert.equal((await api.act("sql", "unpin")).body.pinned, false);
        },
      );

      await step("a broken manifest changes nothing, and the log says why", async () => {
        const before = await Promise.all(replicas.map(({ api }) => adaptersOf(api)));
        const broken: [text: string, why: RegExp][] = [
          [`{"version": 1, "adapters": {"sql": {"url": "https://x/?sig=${SECRET}"`, /not JSON/],
          [`{"version": 2, "adapters": {}}`, /version/],
          [`{"version": 1, "adapters": {"sql": {"uri": "https://x/?sig=${SECRET}"}}}`, /url|uri/],
        ];
        for (const [text, why] of broken) {
          await s3.put(BUCKET, "manifest.json", text);
          await each(async ({ server, api }) => {
            const line = await server.logged(({ event, message }) =>
              event === "adapter_listing_failed" && why.test(message)
            );
            assert.deepEqual([line.level, line.place], ["warn", MANIFEST]);
            assert.notEqual((await api.refreshAll()).status, 200);
          });
        }
        await s3.delete(BUCKET, "manifest.json");
        await each(async ({ server }) => {
          const line = await server.logged(({ event, code }) =>
            event === "adapter_listing_failed" && code === "origin_not_found"
          );
          assert.equal(line.place, MANIFEST);
        });
        assert.deepEqual(await Promise.all(replicas.map(({ api }) => adaptersOf(api))), before);
        await each((replica) => answersAs(replica, "sql", "rhymes"));
        for (const { server, api } of replicas) {
          assert.doesNotMatch(server.process.stderr + api.seen, new RegExp(SECRET));
        }
      });

      await step(
        "the mended one is followed; a pin that isn't met keeps the old generation",
        async () => {
          const { generation, sha256 } = await identityOf(contents.plurals);
          await publish(s3, {
            sql: { url: at("plurals"), sha256 },
            fresh: { url: at("rhymes"), sha256 },
          });
          const { generation: old } = await identityOf(contents.synonyms);
          await each(async (replica) => {
            const { api } = replica;
            await api.until("sql", (adapter) => adapter.generation === generation);
            const fresh = await api.until("fresh", ({ error }) => error !== null);
            assert.deepEqual([fresh.error.code, fresh.generation], ["sha256_mismatch", old]);
            await answersAs(replica, "fresh", "synonyms");
          });
        },
      );
    }));
});

function at(name: Name): string {
  return `s3://${BUCKET}/${name}`;
}

function publish(s3: S3Service, adapters: Record<string, Json>): Promise<string> {
  return s3.put(BUCKET, "manifest.json", JSON.stringify({ version: 1, adapters }));
}

/** The manifest's adapters as they stand. */
async function adaptersOf(api: AdaptersApi): Promise<Json[]> {
  const { body } = await api.send("GET", "/v1/adapters");
  return body.data.filter(({ owner }: Json) => owner === "manifest");
}

async function managed(api: AdaptersApi): Promise<string[]> {
  return (await adaptersOf(api)).map(({ name }) => name);
}

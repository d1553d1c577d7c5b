/** A bucket on a real S3 server as the catalogue, and a manifest in it for a fleet. */
import assert from "node:assert/strict";
import { startS3 } from "../services/s3.ts";
import { type Content, demoContents } from "./adapter_origin.ts";
import { ask } from "./requests.ts";
import {
  type Json,
  pause,
  ServerProcess,
  stepsOf,
  type TestServer,
  withServer,
} from "./server_process.ts";

const WITHIN_MS = 15_000;

Deno.test("a bucket is the catalogue: fetched lazily, swapped, deleted, known after a restart", async (t) => {
  const step = stepsOf(t);
  const stateDir = await Deno.makeTempDir();
  const [one, two] = demoContents().values();
  await using s3 = await startS3();
  const place = (name: string, { config, weights }: Content) =>
    Promise.all([
      s3.put("adapters", `prod/${name}/adapter_config.json`, config),
      s3.put("adapters", `prod/${name}/adapter_model.safetensors`, weights),
    ]);
  await s3.createBucket("adapters");
  await Promise.all([place("alpha", one), place("beta", two)]);
  const env = {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
  const flags = ["--allow-insecure-loopback", "--adapters", "s3://adapters/prod/"];
  let generation = "";
  try {
    await step("with a wrong secret nothing is found, and the log says why", () => {
      const wrong = { ...env, AWS_SECRET_ACCESS_KEY: "another" };
      return withServer({ flags, env: wrong }, async (server) => {
        assert.deepEqual(server.adapters, []);
        const line = await server.logged(({ event }) => event === "adapter_listing_failed");
        assert.equal(line.code, "origin_unauthorized");
        assert.ok(!server.process.stderr.includes("another"));
      });
    });

    await withServer({ flags, env, stateDir }, async (server) => {
      await step("its adapters are known, and none is fetched before it is used", async () => {
        assert.deepEqual(server.adapters, ["alpha", "beta"]);
        assert.deepEqual((await show(server, "alpha")).level, "origin");
        const answer: Json = await ask(server, { model: "alpha" });
        assert.equal(answer.weft.cache, "origin");
        assert.ok(answer.weft.timings.fetch_ms > 0);
        const again: Json = await ask(server, { model: "alpha" });
        assert.deepEqual([again.weft.cache, again.choices], ["gpu", answer.choices]);
        assert.equal((await show(server, "beta")).level, "origin");
        generation = answer.weft.adapters[0].generation;
      });

      await step("changed, added and removed objects are found by one listing", async () => {
        await place("alpha", two);
        await place("gamma", one);
        await s3.delete("adapters", "prod/beta/adapter_config.json");
        await s3.delete("adapters", "prod/beta/adapter_model.safetensors");
        const { data } = await (await server.post("/v1/adapters/refresh", {})).json();
        assert.deepEqual(data.map(({ name }: Json) => name), ["alpha", "gamma"]);
        await eventually(async () => (await show(server, "alpha")).generation !== generation);
        const gamma: Json = await ask(server, { model: "gamma" });
        assert.equal(gamma.weft.adapters[0].generation, generation, "the same content");
        await assert.rejects(() => ask(server, { model: "beta" }), { status: 404 });
      });

      await step("a deleted name stays deleted, a pinned one is on the GPU", async () => {
        const gone = await fetch(`${server.url}/v1/adapters/alpha`, { method: "DELETE" });
        assert.equal(gone.status, 204);
        await (await server.post("/v1/adapters/refresh", {})).body?.cancel();
        await assert.rejects(() => ask(server, { model: "alpha" }), { status: 404 });
        const pinned = await (await server.post("/v1/adapters/gamma/pin", {})).json();
        assert.deepEqual([pinned.pinned, pinned.level], [true, "gpu"]);
      });
    });

    await s3.stop();
    await step(
      "without the bucket, a restart serves what is on the disk",
      () =>
        withServer({ flags, env, stateDir }, async (server) => {
          assert.deepEqual(server.adapters, ["gamma"]);
          const answer: Json = await ask(server, { model: "gamma" });
          assert.equal(answer.weft.adapters[0].generation, generation);
          assert.equal((await show(server, "gamma")).pinned, true);
          const second = await startRefused(stateDir);
          assert.match(second, /state-dir/);
        }),
    );
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});

Deno.test("two replicas converge on the manifest, and take no orders", async () => {
  const [one, two] = demoContents().values();
  await using s3 = await startS3();
  await s3.createBucket("fleet");
  for (const [name, { config, weights }] of Object.entries({ one, two })) {
    await s3.put("fleet", `${name}/adapter_config.json`, config);
    await s3.put("fleet", `${name}/adapter_model.safetensors`, weights);
  }
  const tell = (adapters: Json) =>
    s3.put("fleet", "manifest.json", JSON.stringify({ version: 1, adapters }));
  await tell({ sql: { url: "s3://fleet/one" } });
  const options = {
    flags: [
      "--allow-insecure-loopback",
      "--adapter-refresh",
      "1",
      "--adapter-manifest",
      "s3://fleet/manifest.json",
      "--adapters",
      await Deno.makeTempDir(),
    ],
    env: {
      AWS_ENDPOINT_URL_S3: s3.endpoint,
      AWS_REGION: s3.region,
      AWS_ACCESS_KEY_ID: s3.accessKeyId,
      AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
    },
  };
  await withServer(options, (first) =>
    withServer(options, async (second) => {
      const replicas = [first, second];
      const generations: string[] = [];
      for (const replica of replicas) {
        await eventually(() => replica.client.models.list().then(({ data }) => data.length === 2));
        const answer: Json = await ask(replica, { model: "sql" });
        generations.push(answer.weft.adapters[0].generation);
        const refused = await fetch(`${replica.url}/v1/adapters/sql`, {
          method: "PUT",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ url: "s3://fleet/two" }),
        });
        assert.equal(refused.status, 409);
        assert.equal((await refused.json()).error.code, "managed_by_manifest");
      }
      assert.equal(generations[0], generations[1]);

      await s3.put("fleet", "manifest.json", '{"version": 1, "adapters": ');
      await pause(2500);
      for (const replica of replicas) assert.equal((await show(replica, "sql")).state, "ready");

      await tell({ sql: { url: "s3://fleet/two" }, other: { url: "s3://fleet/one" } });
      for (const replica of replicas) {
        await eventually(async () => {
          const { generation } = await show(replica, "sql");
          return generation !== generations[0];
        });
        const answer: Json = await ask(replica, { model: "other" });
        assert.equal(answer.weft.adapters[0].generation, generations[0]);
      }
      await tell({});
      for (const replica of replicas) {
        await eventually(() => replica.client.models.list().then(({ data }) => data.length === 1));
      }
    }));
});

async function show(server: TestServer, name: string): Promise<Json> {
  return await (await fetch(`${server.url}/v1/adapters/${name}`)).json();
}

async function eventually(holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + WITHIN_MS;
  while (!await holds()) {
    assert.ok(performance.now() < deadline, `it never came to ${holds}`);
    await pause(50);
  }
}

/** What a server says that is started on a state directory in use. */
async function startRefused(stateDir: string): Promise<string> {
  const process = new ServerProcess({ flags: ["--port", "0"], stateDir });
  assert.equal(await process.exit(), 1);
  return process.stderr;
}

import assert from "node:assert/strict";
import type { ListedAdapter } from "../../../adapters/origin.ts";
import { ObjectCatalogue } from "../../../adapters/sources/object_catalogue.ts";
import type { ListedObject } from "../../../adapters/sources/object_store.ts";
import { makeTar } from "../download/tar_builder.ts";
import { loopbackClient } from "../download/support.ts";
import { FaultServer } from "../fault_server.ts";
import { bucketSource, quickFetcher, readText, SIGNAL, TestBucket } from "./support.ts";

const FILES = ["adapter_config.json", "adapter_model.safetensors"];

interface Setup {
  bucket: TestBucket;
  /** What a listing of the place gives, and reports. */
  list(): Promise<{ found: ListedAdapter[]; problems: string[] }>;
}

async function withCatalogue(
  prefix: string,
  body: (setup: Setup) => Promise<void>,
  /** What is listed in the place of the bucket's objects. */
  objects?: Iterable<ListedObject> | AsyncIterable<ListedObject>,
): Promise<void> {
  await using server = FaultServer.start();
  using client = loopbackClient();
  const fetcher = quickFetcher(client);
  const bucket = new TestBucket(server);
  const catalogue = new ObjectCatalogue({
    url: new URL(`s3://bucket/${prefix}?sig=SECRET`),
    location: `s3://bucket/${prefix}`,
    prefix,
    rootName: "root",
    list: (prefix) => objects === undefined ? bucket.list(prefix) : iterate(objects),
    open: ({ key }) => bucketSource(bucket, { key, fetcher }),
    totalMs: 10_000,
  });
  await body({
    bucket,
    async list() {
      const problems: string[] = [];
      const found = await catalogue.list(SIGNAL, (problem) => problems.push(problem));
      return { found, problems };
    },
  });
}

async function* iterate<T>(values: Iterable<T> | AsyncIterable<T>): AsyncIterable<T> {
  yield* values;
}

function putAdapter(bucket: TestBucket, directory: string): void {
  for (const file of FILES) bucket.put(`${directory}/${file}`, `${directory} ${file}`);
}

const bundle = makeTar(FILES.map((name) => ({ name, data: name })));

Deno.test("every directory with an adapter's files and every bundle is listed, at any depth", async () => {
  await withCatalogue("team", async ({ bucket, list }) => {
    putAdapter(bucket, "team/sql");
    putAdapter(bucket, "team/a/b/legal text".replace(" ", "-"));
    bucket.put("team/half/adapter_config.json", "{}");
    bucket.put("team/tensors/adapter_model.safetensors", "w");
    bucket.put("team/packed.tar", bundle);
    bucket.put("team/lone.safetensors", "x");
    bucket.put("team/README.md", "no adapter");
    bucket.put("team/sql/optimizer.safetensors", "left by training");
    putAdapter(bucket, "teams/other");
    putAdapter(bucket, "other");
    const { found, problems } = await list();
    assert.deepEqual(problems, []);
    assert.deepEqual(found.map(({ name, url }) => [name, url]), [
      ["half", "s3://bucket/team/half?sig=SECRET"],
      ["legal-text", "s3://bucket/team/a/b/legal-text?sig=SECRET"],
      ["lone", "s3://bucket/team/lone.safetensors?sig=SECRET"],
      ["packed", "s3://bucket/team/packed.tar?sig=SECRET"],
      ["sql", "s3://bucket/team/sql?sig=SECRET"],
      ["tensors", "s3://bucket/team/tensors?sig=SECRET"],
    ]);
    for (const { source } of found) assert.doesNotMatch(source.location, /SECRET/);
  });
});

Deno.test("a listing's versions are those that reading tells, so that one listing tells what changed", async () => {
  await withCatalogue("", async ({ bucket, list }) => {
    putAdapter(bucket, "a");
    putAdapter(bucket, "b");
    bucket.put("packed.tar", bundle);
    const versions = async () =>
      new Map((await list()).found.map(({ name, version }) => [name, version]));
    const before = await versions();
    for (const { version, source } of (await list()).found) {
      assert.equal((await readText(source))?.version, version);
      assert.equal(await readText(source, { unless: version }), null);
    }
    bucket.put("b/adapter_config.json", "another");
    const after = await versions();
    assert.deepEqual([...after.keys()].filter((name) => after.get(name) !== before.get(name)), [
      "b",
    ]);
    for (const { version, source } of (await list()).found) {
      assert.equal((await readText(source))?.version, version);
    }
  });
});

Deno.test("an incomplete adapter is listed without a version, and fails when it is read", async () => {
  await withCatalogue("", async ({ bucket, list }) => {
    bucket.put("half/adapter_config.json", "{}");
    const [{ version, source }] = (await list()).found;
    assert.equal(version, undefined);
    await assert.rejects(readText(source), { reason: "missing_file" });
  });
});

Deno.test("the place itself may be an adapter", async () => {
  await withCatalogue("team/sql", async ({ bucket, list }) => {
    putAdapter(bucket, "team/sql");
    putAdapter(bucket, "team/sql/nested");
    const { found } = await list();
    assert.deepEqual(found.map(({ name, url }) => [name, url]), [
      ["nested", "s3://bucket/team/sql/nested?sig=SECRET"],
      ["root", "s3://bucket/team/sql?sig=SECRET"],
    ]);
    assert.equal((await readText(found[1].source))?.version, found[1].version);
  });
});

Deno.test("names that are no names or occur twice are left out and reported", async () => {
  await withCatalogue("", async ({ bucket, list }) => {
    putAdapter(bucket, "good");
    putAdapter(bucket, "no name");
    putAdapter(bucket, "a/twice");
    bucket.put("twice.zip", "x");
    putAdapter(bucket, "x//empty");
    putAdapter(bucket, "x/../up");
    const { found, problems } = await list();
    assert.deepEqual(found.map(({ name }) => name), ["good"]);
    const told = problems.join("\n");
    assert.match(told, /s3:\/\/bucket\/no name is left out: its name must be/);
    assert.match(told, /"twice" is left out: its name occurs twice, .*a\/twice and .*twice\.zip/);
    assert.match(told, /"x\/\/empty\/adapter_config\.json" is left out/);
    assert.match(told, /"x\/\.\.\/up\/adapter_config\.json" is left out/);
  });
});

Deno.test("a key that is too long is left out, and what is no ETag is no version", async () => {
  await withCatalogue("", async ({ list }) => {
    const { found, problems } = await list();
    assert.deepEqual(found.map(({ name, version }) => [name, version]), [
      ["good", '"1"'],
      ["odd", undefined],
      ["odder", undefined],
    ]);
    assert.deepEqual(problems, ["A key of 1029 characters is left out; at most 1024 are allowed"]);
  }, [
    { key: "good.zip", size: 1, etag: '"1"' },
    { key: "odd.zip", size: 1, etag: '"a b"' },
    { key: "odder.zip", size: 1, etag: `"${"x".repeat(10_000)}"` },
    { key: `${"k".repeat(1025)}.zip`, size: 1, etag: '"1"' },
  ]);
});

Deno.test("a listing with more adapters than a bucket can mean is given up", async () => {
  let given = 0;
  async function* endless(): AsyncIterable<ListedObject> {
    for (;;) yield { key: `${given++}/adapter_config.json`, size: 1, etag: '"1"' };
  }
  await withCatalogue("", async ({ list }) => {
    await assert.rejects(list(), { reason: "bad_response", message: /over 100000 adapters/ });
    assert.equal(given, 100_001);
  }, endless());
});

Deno.test("of a name that occurs a thousand times, a few places are told", async () => {
  const twins = Array.from(
    { length: 1000 },
    (_, i) => ({ key: `${i}/x.zip`, size: 1, etag: '"1"' }),
  );
  await withCatalogue("", async ({ list }) => {
    const { found, problems: [problem] } = await list();
    assert.deepEqual(found, []);
    assert.match(problem, /occurs twice, .*0\/x.zip and .* and 997 more$/);
    assert.ok(problem.length < 200);
  }, twins);
});

import assert from "node:assert/strict";
import type { FetchProgress } from "../../../adapters/origin.ts";
import { WebStore } from "../../../adapters/sources/https.ts";
import { RemoteSource } from "../../../adapters/sources/remote_source.ts";
import { makeTar } from "../download/tar_builder.ts";
import { assertSameBytes, loopbackClient, noise, withTempDir } from "../download/support.ts";
import { type Behaviour, FaultServer } from "../fault_server.ts";
import { endless, object, sequence, truncated } from "../faults.ts";
import { bucketSource, quickFetcher, readText, SIGNAL, TestBucket } from "./support.ts";

const CONFIG = "/a/adapter_config.json";
const WEIGHTS = "/a/adapter_model.safetensors";
const PICKLE = "/a/adapter_model.bin";
const BOTH = ["adapter_config.json", "adapter_model.safetensors"];

function text(content: string, etag?: string | null): Behaviour {
  return object(new TextEncoder().encode(content), etag === undefined ? {} : { etag });
}

/** A server with these paths, and the source of one URL there. */
async function withServer(
  paths: Record<string, Behaviour>,
  body: (setup: { server: FaultServer; source: RemoteSource }) => Promise<void>,
  { url = "/a", form = "directory" as const, limits = {} } = {},
): Promise<void> {
  await using server = FaultServer.start(paths);
  using client = loopbackClient();
  const at = server.url(url);
  const source = new RemoteSource({
    store: new WebStore(at),
    key: at.pathname.slice(1),
    form,
    location: "there",
    fetcher: quickFetcher(client, limits),
  });
  await body({ server, source });
}

Deno.test("a directory is read whole, and its version is both ETags", async () => {
  await withServer({ [CONFIG]: text("c", '"c1"'), [WEIGHTS]: text("w", '"w1"') }, async (at) => {
    assert.deepEqual(await readText(at.source), {
      version: '"c1" "w1"',
      config: "c",
      weights: "w",
      staged: BOTH,
    });
  });
});

Deno.test("an unchanged directory costs two questions and no body", async () => {
  await withServer({ [CONFIG]: text("c", '"c1"'), [WEIGHTS]: text("w", '"w1"') }, async (at) => {
    assert.equal(await readText(at.source, { unless: '"c1" "w1"' }), null);
    assert.deepEqual(
      at.server.requests.map(({ path, headers }) => [path, headers.get("if-none-match")]),
      [[CONFIG, '"c1"'], [WEIGHTS, '"w1"']],
    );
  });
});

Deno.test("where one of the files changed, both come", async () => {
  const paths = { [CONFIG]: text("c", '"c1"'), [WEIGHTS]: text("w", '"w1"') };
  await withServer(paths, async ({ source }) => {
    for (const unless of ['"c0" "w1"', '"c1" "w0"', '"c0" "w0"', '"c1"', "else"]) {
      const read = await readText(source, { unless });
      assert.equal(read?.version, '"c1" "w1"', unless);
      assert.deepEqual([read?.config, read?.weights, read?.staged], ["c", "w", BOTH], unless);
    }
  });
});

Deno.test("files that don't belong together are read anew", async () => {
  await withServer({
    [CONFIG]: sequence(text("old", '"old"'), text("new", '"new"')),
    [WEIGHTS]: text("w", '"w1"'),
  }, async ({ server, source }) => {
    const read = await readText(source);
    assert.deepEqual([read?.version, read?.config], ['"new" "w1"', "new"]);
    assert.equal(server.requestsOf(WEIGHTS).length, 2);
  });
});

Deno.test("a configuration that changes between the question and the download is noticed", async () => {
  await withServer({
    [CONFIG]: sequence(text("old", '"old"'), text("new", '"new"')),
    [WEIGHTS]: text("w", '"w1"'),
  }, async ({ source }) => {
    const read = await readText(source, { unless: '"old" "w0"' });
    assert.deepEqual([read?.version, read?.config], ['"new" "w1"', "new"]);
  });
});

Deno.test("a configuration that changes at each look is given up", async () => {
  let count = 0;
  await withServer({
    [CONFIG]: (exchange) => text(`${count}`, `"${count++}"`)(exchange),
    [WEIGHTS]: text("w"),
  }, async ({ source }) => {
    await assert.rejects(readText(source), { reason: "content_changed" });
    assert.equal(count, 6);
  });
});

Deno.test("without ETags the content tells the version", async () => {
  let config = "c";
  await withServer({
    [CONFIG]: (exchange) => text(config, null)(exchange),
    [WEIGHTS]: text("w", null),
  }, async ({ source }) => {
    const first = await readText(source);
    assert.match(first!.version, /^sha256:[0-9a-f]{64} sha256:[0-9a-f]{64}$/);
    assert.equal(await readText(source, { unless: first!.version }), null);
    config = "d";
    const second = await readText(source, { unless: first!.version });
    assert.equal(second?.config, "d");
    assert.notEqual(second?.version, first!.version);
  });
});

Deno.test("what a directory lacks is named", async () => {
  const config = { [CONFIG]: text("c") };
  await withServer({ [WEIGHTS]: text("w") }, async ({ source }) => {
    await assert.rejects(readText(source), {
      reason: "missing_file",
      message: /adapter_config\.json does not exist/,
    });
  });
  await withServer(config, async ({ source }) => {
    await assert.rejects(readText(source), { reason: "missing_file", message: /safetensors/ });
  });
  const pickle = noise(100_000);
  await withServer({ ...config, [PICKLE]: object(pickle) }, async ({ server, source }) => {
    await assert.rejects(readText(source), { reason: "pickle_not_allowed" });
    assert.equal(server.requestsOf(PICKLE)[0].headers.get("range"), "bytes=0-0");
  });
});

Deno.test("each file has its own cap", async () => {
  const limits = { maxBytes: 100 };
  const small = { [CONFIG]: text("c"), [WEIGHTS]: text("w") };
  const large: [string, Behaviour][] = [
    [CONFIG, object(new Uint8Array(1_000_001))],
    [CONFIG, endless()],
    [WEIGHTS, object(new Uint8Array(101))],
    [WEIGHTS, endless()],
  ];
  for (const [path, behaviour] of large) {
    await withServer({ ...small, [path]: behaviour }, async ({ source }) => {
      await assert.rejects(readText(source), { reason: "download_too_large" });
    }, { limits });
  }
  await withServer({ ...small, [WEIGHTS]: object(new Uint8Array(100)) }, async ({ source }) => {
    assert.equal((await readText(source))?.weights.length, 100);
  }, { limits });
});

Deno.test("the total time holds for both files together; a caller's leaving is told as such", async () => {
  const slow = object(noise(100_000), { chunkBytes: 10, pauseMs: 20 });
  await withServer({ [CONFIG]: text("c"), [WEIGHTS]: slow }, async ({ source }) => {
    await assert.rejects(readText(source), { reason: "total_timeout", message: /^there took/ });
  }, { limits: { totalMs: 200 } });
  await withServer({ [CONFIG]: text("c"), [WEIGHTS]: slow }, async ({ server, source }) => {
    const controller = new AbortController();
    const gone = new Error("gone");
    const read = readText(source, { signal: controller.signal });
    while (server.requestsOf(WEIGHTS).length === 0) await new Promise((go) => setTimeout(go, 5));
    controller.abort(gone);
    await assert.rejects(read, (error) => error === gone);
  });
});

Deno.test("a signature stays with each request, and is never shown", async () => {
  await withServer({ [CONFIG]: text("c") }, async ({ server, source }) => {
    await assert.rejects(readText(source), (error: Error) => {
      assert.doesNotMatch(error.message, /SECRET|sig=/);
      assert.match(error.message, /adapter_model\.safetensors/);
      return true;
    });
    for (const { path } of server.requests) assert.match(path, /\.\w+\?sig=SECRET$/);
  }, { url: "/a?sig=SECRET" });
});

Deno.test("progress is that of the whole adapter, over broken connections too", async () => {
  const weights = noise(30_000);
  await withServer({
    [CONFIG]: text("config"),
    [WEIGHTS]: truncated(weights, { afterBytes: 12_000 }),
  }, async ({ source }) => {
    const seen: FetchProgress[] = [];
    await withTempDir(async (staging) => {
      const onProgress = (progress: FetchProgress) => void seen.push(progress);
      const content = await source.read({ staging, signal: SIGNAL, onProgress });
      assertSameBytes(content!.files.weights, weights);
    });
    assert.deepEqual(seen[0], { doneBytes: 6, totalBytes: null });
    assert.deepEqual(seen.at(-1), { doneBytes: 30_006, totalBytes: 30_006 });
    const done = seen.map(({ doneBytes }) => doneBytes);
    assert.deepEqual(done, done.toSorted((a, b) => a - b));
  });
});

Deno.test("a bundle gives its two files; its version is its ETag", async () => {
  await using server = FaultServer.start();
  using client = loopbackClient();
  const bucket = new TestBucket(server);
  const bundle = (weights: string) =>
    makeTar([
      { name: "sql/adapter_config.json", data: "c" },
      { name: "sql/adapter_model.safetensors", data: weights },
    ]);
  bucket.put("x/sql.tar", bundle("w"));
  const source = bucketSource(bucket, { key: "x/sql.tar", fetcher: quickFetcher(client) });
  const expected = { version: '"1"', config: "c", weights: "w", staged: BOTH };
  assert.deepEqual(await readText(source), expected);
  assert.equal(await readText(source, { unless: '"1"' }), null);
  bucket.put("x/sql.tar", bundle("new"));
  assert.equal((await readText(source, { unless: '"1"' }))?.weights, "new");
  bucket.put("x/sql.tar", "no archive");
  await assert.rejects(readText(source), { reason: "bad_archive" });
  bucket.delete("x/sql.tar");
  await assert.rejects(readText(source), { reason: "origin_not_found" });
});

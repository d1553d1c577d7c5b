import assert from "node:assert/strict";
import { join } from "node:path";
import type { GuardedClient } from "../../../adapters/http/mod.ts";
import type { Origins } from "../../../adapters/origin.ts";
import { createOrigins, type OriginsOptions } from "../../../adapters/sources/origins.ts";
import { loopbackClient, QUICK_RETRY, withTempDir } from "../download/support.ts";
import { FaultServer } from "../fault_server.ts";
import { object } from "../faults.ts";
import { LIMITS, readText, SIGNAL, TestBucket } from "./support.ts";

const FILES = ["adapter_config.json", "adapter_model.safetensors"];

function originsOf(client: GuardedClient, options: Partial<OriginsOptions> = {}): Origins {
  return createOrigins({
    client,
    limits: LIMITS,
    retry: QUICK_RETRY,
    fileRoots: [],
    trustedPaths: [],
    hf: { endpoint: "https://hub.example" },
    openBucket: () => undefined,
    checkUrl: (url) => client.checkUrl(url),
    ...options,
  });
}

Deno.test("a URL is refused at once for what it says", () => {
  using client = loopbackClient();
  const origins = originsOf(client);
  const cases: [string, string][] = [
    ["https://other.example/a", "host_not_allowed"],
    ["http://other.example/a", "scheme_not_allowed"],
    ["hf://owner/name", "host_not_allowed"],
    ["s3://bucket/a", "scheme_not_allowed"],
    ["ftp://127.0.0.1/a", "scheme_not_allowed"],
    ["https://user:SECRET@other.example/a?sig=SECRET", "bad_url"],
    ["file:///srv/a", "path_not_allowed"],
    ["/srv/a", "path_not_allowed"],
  ];
  for (const [url, reason] of cases) {
    assert.throws(() => origins.adapter(url), (error: Error & { reason: string }) => {
      assert.equal(error.reason, reason, url);
      assert.doesNotMatch(error.message, /SECRET/);
      return true;
    });
  }
  assert.throws(() => origins.catalogue("http://127.0.0.1:1/a"), { reason: "bad_url" });
});

Deno.test("an adapter on a web server is read by its URL, with its query", async () => {
  await using server = FaultServer.start();
  for (const file of FILES) {
    server.paths.set(`/a%20b/${file}`, object(new TextEncoder().encode(file)));
  }
  using client = loopbackClient();
  const source = originsOf(client).adapter(server.url("/a%20b/?sig=SECRET").href);
  assert.equal(source.location, server.url("/a%20b/").href);
  assert.equal(source.isLocal, false);
  assert.equal((await readText(source))?.weights, FILES[1]);
  assert(server.requests.every(({ path }) => path.endsWith("?sig=SECRET")));
});

Deno.test("a bucket's URL goes to its store; what a listing gives can be opened again by its URL", async () => {
  await using server = FaultServer.start();
  using client = loopbackClient();
  const bucket = new TestBucket(server);
  for (const name of ["plain", "q?s", "100%", "ü"]) {
    for (const file of FILES) bucket.put(`team/${name}/x/${file}`, name);
  }
  const origins = originsOf(client, {
    openBucket: ({ protocol, pathname }) =>
      protocol === "s3:" ? { store: bucket, prefix: decodeURIComponent(pathname) } : undefined,
  });
  const listed: string[] = [];
  for (const name of ["plain", "q?s", "100%", "ü"]) {
    const place = `s3://bucket/team/${encodeURIComponent(name)}/`;
    const [found] = await origins.catalogue(place).list(SIGNAL);
    const read = await readText(origins.adapter(found.url));
    assert.deepEqual([read?.config, read?.version], [name, found.version]);
    listed.push(found.name);
  }
  assert.deepEqual(listed, ["x", "x", "x", "x"]);
  const [root] = await origins.catalogue("s3://bucket/team/plain/x").list(SIGNAL);
  assert.equal(root.name, "x");
});

Deno.test("paths are open below the roots, and where the configuration put adapters", async () => {
  await withTempDir(async (directory) => {
    const [root, trusted, outside] = ["root", "trusted", "outside"].map((name) =>
      join(directory, name)
    );
    for (const path of [join(root, "a/b"), join(trusted, "c"), outside]) {
      await Deno.mkdir(path, { recursive: true });
      for (const file of FILES) await Deno.writeTextFile(join(path, file), path);
    }
    await Deno.symlink(outside, join(trusted, "linked"));
    using client = loopbackClient();
    const origins = originsOf(client, { fileRoots: [root], trustedPaths: [trusted] });
    for (const path of ["root/a/b", "trusted/c", "trusted/linked"]) {
      const source = origins.adapter(`file://${directory}/${path}`);
      assert(source.isLocal);
      assert((await readText(source)) !== null);
    }
    for (const path of ["outside", "trusted/c/d", "trusted/../outside"]) {
      assert.throws(() => origins.adapter(join(directory, path)), { reason: "path_not_allowed" });
    }
    // What the catalogue lists can be opened by the URL it gives.
    const found = await origins.catalogue(trusted).list(SIGNAL);
    assert.deepEqual(found.map(({ name }) => name), ["c", "linked"]);
    for (const { url } of found) assert((await readText(origins.adapter(url))) !== null);
  });
});

Deno.test("a watched object is read again only when it changed", async () => {
  await using server = FaultServer.start();
  using client = loopbackClient();
  const origins = originsOf(client);
  const watched = origins.object(server.url("/fleet.json?sig=SECRET").href);
  assert.equal(watched.location, server.url("/fleet.json").href);
  const encode = (text: string) => new TextEncoder().encode(text);
  for (const etag of ['"v1"', null]) {
    server.paths.set("/fleet.json", object(encode("one"), { etag }));
    const first = await watched.read({ signal: SIGNAL });
    assert.deepEqual(first?.bytes, encode("one"));
    assert.equal(await watched.read({ unless: first!.version, signal: SIGNAL }), null);
    server.paths.set("/fleet.json", object(encode("two"), { etag: etag && '"v2"' }));
    const second = await watched.read({ unless: first!.version, signal: SIGNAL });
    assert.deepEqual(second?.bytes, encode("two"));
  }
  server.paths.delete("/fleet.json");
  await assert.rejects(watched.read({ signal: SIGNAL }), (error: Error & { reason: string }) => {
    assert.equal(error.reason, "origin_not_found");
    assert.doesNotMatch(error.message, /SECRET/);
    return true;
  });
});

Deno.test("an object by order must lie below a root, really; the configuration's need not", async () => {
  await withTempDir(async (directory) => {
    const [root, other] = ["root", "other"].map((name) => join(directory, name));
    for (const folder of [root, other]) await Deno.mkdir(folder);
    await Deno.writeTextFile(join(root, "a"), "inside");
    await Deno.writeTextFile(join(other, "a"), "outside");
    await Deno.symlink(join(other, "a"), join(root, "link"));
    using client = loopbackClient();
    const origins = originsOf(client, { fileRoots: [root] });
    const guarded = { isGuarded: true };
    assert.throws(() => origins.object(join(other, "a"), guarded), { reason: "path_not_allowed" });
    const link = origins.object(`file://${root}/link`, guarded);
    await assert.rejects(link.read({ signal: SIGNAL }), { reason: "path_not_allowed" });
    const inside = await origins.object(join(root, "a"), guarded).read({ signal: SIGNAL });
    assert.deepEqual(inside?.bytes, new TextEncoder().encode("inside"));
    const free = await origins.object(join(other, "a")).read({ signal: SIGNAL });
    assert.deepEqual(free?.bytes, new TextEncoder().encode("outside"));
  });
});

Deno.test("an object beyond its bound is refused, here and at an origin", async () => {
  await withTempDir(async (directory) => {
    await using server = FaultServer.start();
    server.paths.set("/a", object(new Uint8Array(100)));
    await Deno.writeFile(join(directory, "a"), new Uint8Array(100));
    using client = loopbackClient();
    const origins = originsOf(client);
    for (const place of [server.url("/a").href, join(directory, "a")]) {
      const small = origins.object(place, { maxBytes: 99 });
      await assert.rejects(small.read({ signal: SIGNAL }), { reason: "download_too_large" });
      const enough = await origins.object(place, { maxBytes: 100 }).read({ signal: SIGNAL });
      assert.equal(enough?.bytes.length, 100);
    }
  });
});

Deno.test("a watched file is read again only when it changed", async () => {
  await withTempDir(async (directory) => {
    const path = join(directory, "fleet.json");
    await Deno.writeTextFile(path, "one");
    using client = loopbackClient();
    const watched = originsOf(client).object(path);
    const first = await watched.read({ signal: SIGNAL });
    assert.equal(await watched.read({ unless: first!.version, signal: SIGNAL }), null);
    await Deno.writeTextFile(path, "two!");
    const second = await watched.read({ unless: first!.version, signal: SIGNAL });
    assert.deepEqual(second?.bytes, new TextEncoder().encode("two!"));
  });
});

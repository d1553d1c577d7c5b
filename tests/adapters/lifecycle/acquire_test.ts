import assert from "node:assert/strict";
import { join } from "node:path";
import { badVariant, BYTES, generationOfVariant, until, variant, withWorld } from "./setup.ts";

const URL_A = "https://host/a?signature=secret";

Deno.test("an adapter is fetched when first needed, then served from memory, and from disk after it left", async () => {
  await withWorld({ maxBytes: BYTES }, async ({ host, store, happened }) => {
    host.put(URL_A, variant(1));
    host.put("https://host/b", variant(2));
    await store.startPut("a", { url: URL_A }).done;
    assert.deepEqual(host.downloads, [URL_A]);
    using first = await store.acquire("a");
    assert.equal(first.level, "ram");
    assert.equal(first.generation, await generationOfVariant(1));
    first.release();
    await store.startPut("b", { url: "https://host/b" }).done;
    assert.deepEqual(store.list().map(({ level }) => level), ["disk", "ram"]);
    using again = await store.acquire("a");
    assert.equal(again.level, "disk");
    assert.equal(again.generation, first.generation);
    assert.equal(host.reads.length, 2);
    assert.deepEqual(happened(), ["fetch_started", "fetched", "fetch_started", "fetched"]);
    const { fetches, fetchedBytes, ram, disk, levels } = store.stats();
    assert.equal(fetches, 2);
    const { config, weights } = variant(1);
    assert.equal(fetchedBytes, 2 * (config.length + weights.length));
    assert.deepEqual([ram.hits, ram.misses, ram.evictions], [1, 1, 2]);
    assert.deepEqual([disk.hits, disk.adapters], [1, 2]);
    assert.deepEqual(levels, { gpu: 0, ram: 1, disk: 1, origin: 0 });
  });
});

Deno.test("names with equal URLs and requests that come together share one fetch", async () => {
  await withWorld({}, async ({ host, store }) => {
    host.put(URL_A, variant(1));
    const go = host.hold(URL_A);
    const puts = ["a", "b", "c"].map((name) => store.startPut(name, { url: URL_A }).done);
    const leases = ["a", "b", "c", "a"].map((name) => store.acquire(name));
    const unnamed = store.acquireUrl(URL_A);
    await until(() => host.running > 0);
    assert.equal(store.get("b")?.state, "loading");
    assert.deepEqual(store.get("b")?.progress, { doneBytes: 1, totalBytes: 2 });
    go();
    await Promise.all(puts);
    const held = await Promise.all([...leases, unnamed]);
    assert.deepEqual(host.reads, [URL_A]);
    assert.equal(new Set(held.map(({ weights }) => weights)).size, 1);
    assert.equal(store.stats().leases, 5);
    assert.equal(store.get("b")?.progress, null);
    for (const lease of held) lease.release();
    store.checkIntegrity();
  });
});

Deno.test("fetches are bounded", async () => {
  await withWorld({ maxConcurrentFetches: 3 }, async ({ host, store }) => {
    const urls = Array.from({ length: 9 }, (_, i) => `https://host/${i}`);
    const gates = urls.map((url, i) => {
      host.put(url, variant(i));
      return host.hold(url);
    });
    const puts = urls.map((url, i) => store.startPut(`n${i}`, { url }).done);
    await until(() => host.running === 3);
    for (const go of gates) go();
    await Promise.all(puts);
    assert.equal(host.mostRunning, 3);
  });
});

Deno.test("a caller that goes away leaves the fetch to the others; the last one ends it", async () => {
  const place = "bucket:/";
  await withWorld({}, async (world) => {
    const { host } = world;
    const url = `${place}/a`;
    host.put(url, variant(1));
    await world.restart({ catalogues: [host.catalogue(place)] });
    const { store } = world;
    let go = host.hold(url);
    const [one, two, three] = [1, 2, 3].map(() => new AbortController());
    const first = store.acquire("a", one.signal);
    const second = store.acquire("a", two.signal);
    await until(() => host.running === 1);
    one.abort(new Error("gone"));
    await assert.rejects(first, { message: "gone" });
    go();
    (await second).release();
    assert.equal(host.reads.length, 1);

    store.delete("a");
    host.put(url, variant(2));
    go = host.hold(url);
    const unnamed = store.acquireUrl(url, three.signal);
    await until(() => host.running === 1);
    three.abort(new Error("gone too"));
    await assert.rejects(unnamed, { message: "gone too" });
    await until(() => host.running === 0);
    assert.equal(host.downloads.length, 1);
    go();
    (await store.acquireUrl(url)).release();
    assert.equal(host.downloads.length, 2);
  });
});

Deno.test("a failure is remembered, its retries back off, and bad content is not fetched again", async () => {
  await withWorld({ catalogues: [] }, async (world) => {
    const { host, clock } = world;
    const url = "bucket:/a";
    host.put(url, badVariant(1));
    await world.restart({ catalogues: [host.catalogue("bucket:/".slice(0, -1))] });
    const { store } = world;
    await assert.rejects(store.acquire("a"), { code: "bad_adapter", message: /DoRA/ });
    await assert.rejects(store.acquire("a"), { code: "bad_adapter", message: /DoRA/ });
    assert.equal(host.reads.length, 1);
    assert.equal(store.get("a")?.state, "failed");
    const { error } = store.get("a")!;
    assert.equal(error?.code, "bad_adapter");
    assert.equal(error?.at, clock.now());
    assert.ok(error!.retryAt! > clock.now() && error!.retryAt! <= clock.now() + 1000);
    for (let i = 0; i < 10; i++) {
      await clock.pass(60_000);
      await assert.rejects(store.acquire("a"), { code: "bad_adapter", message: /DoRA/ });
    }
    assert.deepEqual([host.reads.length, host.downloads.length], [11, 1]);
    const { retryAt } = store.get("a")!.error!;
    assert.ok(retryAt! >= clock.now() + 30_000 && retryAt! <= clock.now() + 60_000);

    host.fail(url, "origin_error");
    await clock.pass(60_000);
    await assert.rejects(store.acquire("a"), { reason: "origin_error" });
    await assert.rejects(store.acquire("a"), (error: Error & { retryAfterSeconds: number }) => {
      assert.ok(error.retryAfterSeconds >= 30 && error.retryAfterSeconds <= 60);
      return true;
    });
    assert.equal(host.reads.length, 12);
    assert.deepEqual(store.stats().failures, { bad_adapter: 1, origin_error: 1 });

    host.fail(url, null);
    host.put(url, variant(3));
    await clock.pass(60_000);
    (await store.acquire("a")).release();
    assert.equal(store.get("a")?.error, null);
    assert.equal(store.get("a")?.state, "ready");
  });
});

Deno.test("content that is corrupt on the disk is fetched again; other content at its origin is taken then", async () => {
  await withWorld({ maxBytes: BYTES }, async ({ host, store, directory }) => {
    host.put(URL_A, variant(1));
    host.put("https://host/b", variant(2));
    const corrupt = async (number: number) => {
      const generation = await generationOfVariant(number);
      const path = join(directory, "disk", "content", generation, "adapter_model.safetensors");
      const bytes = await Deno.readFile(path);
      bytes[bytes.length - 9] ^= 1;
      await Deno.writeFile(path, bytes);
    };
    await store.startPut("a", { url: URL_A }).done;
    await store.startPut("b", { url: "https://host/b" }).done;
    await corrupt(1);
    using lease = await store.acquire("a");
    assert.equal(lease.level, "origin");
    assert.equal(lease.generation, await generationOfVariant(1));
    lease.release();
    (await store.acquire("b")).release();
    await corrupt(1);
    host.put(URL_A, variant(3));
    using other = await store.acquire("a");
    assert.equal(other.generation, await generationOfVariant(3));
    assert.equal(store.get("a")?.generation, other.generation);
    assert.equal(store.stats().swaps, 1);
  });
});

Deno.test("a pinned sha256 is met by the tensors' file or the whole; a name never takes other content", async () => {
  await withWorld({ maxBytes: BYTES }, async ({ host, store }) => {
    host.put(URL_A, variant(1));
    host.put("https://host/b", variant(2));
    const { generation, sha256 } = await store.startPut("a", { url: URL_A }).done;
    assert.notEqual(generation, sha256);
    for (const pin of [generation!, sha256!.toUpperCase()]) {
      await store.startPut("a", { url: URL_A, sha256: pin }).done;
    }
    await assert.rejects(
      store.startPut("a", { url: "https://host/b", sha256: sha256! }).done,
      { reason: "sha256_mismatch" },
    );
    assert.equal(store.get("a")?.generation, generation);
    assert.equal(store.get("a")?.url, "https://host/a");
    assert.equal(store.get("a")?.error?.code, "sha256_mismatch");
    host.put(URL_A, variant(3));
    await assert.rejects(store.refresh("a"), { reason: "sha256_mismatch" });
    assert.equal((await store.acquire("a")).generation, generation);
    assert.throws(() => store.startPut("a", { url: URL_A, sha256: "abc" }), { param: "sha256" });
  });
});

Deno.test("a full memory is told at once, and loses nothing that was fetched", async () => {
  await withWorld({ maxBytes: BYTES }, async ({ host, store }) => {
    host.put(URL_A, variant(1));
    host.put("https://host/b", variant(2));
    await store.startPut("a", { url: URL_A }).done;
    const held = await store.acquire("a");
    const info = await store.startPut("b", { url: "https://host/b" }).done;
    assert.deepEqual([info.state, info.level], ["ready", "disk"]);
    await assert.rejects(store.acquire("b"), { reason: "memory_full", retryAfterSeconds: 1 });
    await assert.rejects(store.acquire("b"), { reason: "memory_full" });
    held.release();
    using lease = await store.acquire("b");
    assert.equal(lease.level, "disk");
    assert.equal(host.downloads.length, 2);
    assert.equal(store.get("b")?.error, null);
  });
});

Deno.test("URLs in requests need no name, are bounded in number and leave no trace in the registry", async () => {
  await withWorld({}, async ({ host, store, registry, disk }) => {
    const first = "https://host/0?token=secret";
    host.put(first, variant(0));
    const lease = await store.acquireUrl(first);
    assert.equal(lease.name, "https://host/0");
    assert.equal((await store.acquireUrl(first)).level, "ram");
    for (let i = 1; i <= 256; i++) {
      host.put(`https://host/${i}`, variant(i));
      (await store.acquireUrl(`https://host/${i}`)).release();
    }
    assert.equal(host.reads.length, 257);
    assert.deepEqual(store.list(), []);
    assert.deepEqual(registry.rows(), []);
    assert.equal(await store.weightsOf(lease.generation), lease.weights);
    assert.equal(disk.stats().adapters <= 257, true);
    (await store.acquireUrl(first)).release();
    assert.equal(host.reads.length, 258);
    await assert.rejects(store.acquireUrl("forbidden:x"), { reason: "host_not_allowed" });
  });
});

Deno.test("an origin that doesn't answer keeps another's adapters waiting for one fetch at most", async () => {
  await withWorld({ maxConcurrentFetches: 2 }, async ({ host, store }) => {
    const slow = ["a", "b", "c", "d", "e"];
    const gates = slow.map((name) => host.hold(`https://slow/${name}`));
    const puts = slow.map((name) => store.startPut(name, { url: `https://slow/${name}` }).done);
    await until(() => host.running === 2);
    host.put("https://quick/f", variant(6));
    const quick = store.startPut("f", { url: "https://quick/f" }).done;
    gates[0]();
    assert.equal((await quick).generation, await generationOfVariant(6));
    for (const open of gates) open();
    const results = await Promise.allSettled(puts);
    assert.ok(results.every(({ status }) => status === "rejected"));
  });
});

Deno.test("a clock that is set back doesn't make a failure last", async () => {
  await withWorld({}, async (world) => {
    world.host.put("bucket:/a", variant(1));
    await world.restart({ catalogues: [world.host.catalogue("bucket:")] });
    const { host, store, clock } = world;
    host.fail("bucket:/a", "origin_error");
    await assert.rejects(store.acquire("a"), { reason: "origin_error" });
    await assert.rejects(store.acquire("a"), { reason: "origin_error" });
    assert.equal(host.reads.length, 1);
    clock.setBack(3_600_000);
    host.fail("bucket:/a", null);
    (await store.acquire("a")).release();
  });
});

import assert from "node:assert/strict";
import { badVariant, BYTES, generationOfVariant, until, variant, withWorld } from "./setup.ts";

const URL_A = "https://host/a?signature=secret";
const URL_B = "https://host/b";

Deno.test("put prepares the new content fully, then moves the name; leases keep the old, which then leaves", async () => {
  await withWorld({}, async ({ host, store, disk, happened }) => {
    host.put(URL_A, variant(1));
    host.put(URL_B, variant(2));
    const [old, fresh] = await Promise.all([1, 2].map(generationOfVariant));
    const first = await store.startPut("a", { url: URL_A }).done;
    assert.deepEqual([first.generation, first.url, first.owner], [old, "https://host/a", "api"]);
    const lease = await store.acquire("a");
    const go = host.hold(URL_B);
    const { done } = store.startPut("a", { url: URL_B });
    await until(() => host.running === 1);
    using during = await store.acquire("a");
    assert.equal(during.generation, old);
    assert.equal(store.get("a")?.state, "loading");
    go();
    assert.equal((await done).generation, fresh);
    using after = await store.acquire("a");
    assert.equal(after.generation, fresh);
    assert.equal(await store.weightsOf(old), lease.weights);
    assert.ok(disk.has(old));
    lease.release();
    assert.ok(disk.has(old));
    during.release();
    await assert.rejects(store.weightsOf(old), { code: "unavailable" });
    await until(() => !disk.has(old));
    assert.equal(store.stats().swaps, 1);
    assert.ok(happened().includes("swapped"));
    assert.equal(JSON.stringify(store.list()).includes("secret"), false);
  });
});

Deno.test("content that two names share stays until both have left", async () => {
  await withWorld({}, async ({ host, store, disk }) => {
    host.put(URL_A, variant(1));
    host.put(URL_B, variant(1));
    const [a] = await Promise.all([
      store.startPut("a", { url: URL_A }).done,
      store.startPut("b", { url: URL_B }).done,
    ]);
    store.delete("a");
    assert.ok(disk.has(a.generation!));
    (await store.acquire("b")).release();
    store.delete("b");
    await until(() => !disk.has(a.generation!));
    assert.equal(store.stats().ram.adapters, 0);
  });
});

Deno.test("the same URL is asked whether it changed; unchanged content is not fetched again", async () => {
  await withWorld({}, async ({ host, store }) => {
    host.put(URL_A, variant(1));
    const { generation } = await store.startPut("a", { url: URL_A }).done;
    await store.startPut("a", { url: URL_A }).done;
    assert.deepEqual([host.reads.length, host.downloads.length], [2, 1]);
    host.put(URL_A, variant(2));
    assert.notEqual((await store.startPut("a", { url: URL_A }).done).generation, generation);
    assert.equal(host.downloads.length, 2);
  });
});

Deno.test("what a put names is refused at once when it can't be", async () => {
  await withWorld({ reservedNames: ["base", "auto"] }, async ({ host, store }) => {
    host.put(URL_A, variant(1));
    const { generation } = await store.startPut("a", { url: URL_A }).done;
    const refusals: [string, Record<string, unknown>, string][] = [
      ["no/name", {}, "bad_name"],
      ["", {}, "bad_name"],
      ["base", {}, "name_taken"],
      ["auto", {}, "name_taken"],
      ["b", { url: "forbidden:x" }, "host_not_allowed"],
      ["a", { expectedGeneration: null }, "generation_conflict"],
      ["a", { expectedGeneration: "0".repeat(64) }, "generation_conflict"],
      ["b", { expectedGeneration: generation }, "generation_conflict"],
    ];
    for (const [name, options, reason] of refusals) {
      assert.throws(() => store.startPut(name, { url: URL_A, ...options }), { reason });
    }
    assert.deepEqual(store.list().map(({ name }) => name), ["a"]);
    assert.equal(host.reads.length, 1);
    const expectedGeneration = generation;
    await store.startPut("a", { url: URL_A, expectedGeneration }).done;
    await store.startPut("b", { url: URL_A, expectedGeneration: null }).done;
  });
});

Deno.test("content that the GPU's dtype can't hold is refused before the name moves", async () => {
  await withWorld({ dtype: "f16" }, async ({ host, store }) => {
    host.put(URL_A, variant(65_504));
    const { generation } = await store.startPut("a", { url: URL_A }).done;
    for (const number of [65_505, -1e30]) {
      host.put(URL_A, variant(number));
      await assert.rejects(store.startPut("a", { url: URL_A }).done, {
        code: "bad_adapter",
        message: /beyond f16's largest value 65504: use --dtype f32/,
      });
      using lease = await store.acquire("a");
      assert.equal(lease.generation, generation);
    }
  });
});

Deno.test("compare-and-swap holds at the moment the name moves, too", async () => {
  await withWorld({}, async ({ host, store }) => {
    host.put(URL_A, variant(1));
    host.put(URL_B, variant(2));
    const { generation } = await store.startPut("a", { url: URL_A }).done;
    const go = host.hold(URL_B);
    const { done } = store.startPut("a", { url: URL_B, expectedGeneration: generation });
    await until(() => host.running === 1);
    host.put(URL_A, variant(3));
    // A second put with the same expectation ends the first, and wins.
    const second = store.startPut("a", { url: URL_A, expectedGeneration: generation }).done;
    await assert.rejects(done, { reason: "generation_conflict", message: /a newer one/ });
    assert.equal((await second).generation, await generationOfVariant(3));
    go();
    assert.throws(() => store.startPut("a", { url: URL_B, expectedGeneration: generation }), {
      reason: "generation_conflict",
    });
    assert.equal(store.get("a")?.error, null);
  });
});

Deno.test("a put is refused in the end when its name moved by itself meanwhile", async () => {
  await withWorld({}, async (world) => {
    const { host } = world;
    host.put("bucket:/a", variant(1));
    host.put(URL_B, variant(2));
    await world.restart({ catalogues: [host.catalogue("bucket:")] });
    const { store } = world;
    (await store.acquire("a")).release();
    const expectedGeneration = store.get("a")!.generation;
    const go = host.hold(URL_B);
    const { done } = store.startPut("a", { url: URL_B, expectedGeneration });
    await until(() => host.running === 1);
    host.put("bucket:/a", variant(3));
    await store.refreshCatalogues();
    const moved = await generationOfVariant(3);
    await until(() => store.get("a")?.generation === moved);
    go();
    await assert.rejects(done, { reason: "generation_conflict" });
    const { generation, url, error } = store.get("a")!;
    assert.deepEqual([generation, url, error], [moved, "bucket:/a", null]);
  });
});

Deno.test("an older look at the origin doesn't take a name back from a put", async () => {
  await withWorld({}, async (world) => {
    const { host } = world;
    host.put("bucket:/a", variant(1));
    host.put(URL_B, variant(2));
    await world.restart({ catalogues: [host.catalogue("bucket:")] });
    const { store } = world;
    const go = host.hold("bucket:/a");
    const lease = store.acquire("a");
    await until(() => host.running === 1);
    const { generation } = await store.startPut("a", { url: URL_B }).done;
    go();
    assert.equal((await lease).generation, generation);
    assert.equal(store.get("a")?.generation, generation);
    assert.equal(store.stats().swaps, 0);
    (await lease).release();
  });
});

Deno.test("a request whose content was moved away while it came from the disk gets the new one", async () => {
  await withWorld({ maxBytes: 2 * BYTES }, async (world) => {
    const { host } = world;
    for (let i = 1; i < 5; i++) host.put(`https://host/${i}`, variant(i));
    const { promise: gate, resolve: go } = Promise.withResolvers<void>();
    let reads = 0;
    const slow = {
      stage: () => world.disk.stage(),
      has: (generation: string) => world.disk.has(generation),
      generations: () => world.disk.generations(),
      read: async (generation: string) => {
        reads++;
        await gate;
        return await world.disk.read(generation);
      },
      pin: (generation: string) => world.disk.pin(generation),
      unpin: (generation: string) => world.disk.unpin(generation),
      remove: (generation: string) => world.disk.remove(generation),
      stats: () => world.disk.stats(),
    };
    await world.restart({ disk: slow });
    const { store } = world;
    // Two names have it, so that it stays on the disk; then others take its room in memory.
    for (const [name, number] of [["a", 1], ["b", 1], ["c", 2], ["d", 3]] as const) {
      await store.startPut(name, { url: `https://host/${number}` }).done;
    }
    const waiting = store.acquire("a");
    await until(() => reads === 1);
    const { generation } = await store.startPut("a", { url: "https://host/4" }).done;
    go();
    using lease = await waiting;
    assert.equal(lease.generation, generation);
  });
});

Deno.test("of many puts at once the last wins, the others are told, and nothing of them stays", async () => {
  await withWorld({}, async ({ host, store, disk }) => {
    const urls = Array.from({ length: 6 }, (_, i) => `https://host/${i}`);
    urls.forEach((url, i) => host.put(url, variant(i)));
    const puts = await Promise.allSettled(urls.map((url) => store.startPut("a", { url }).done));
    assert.deepEqual(puts.map(({ status }) => status), [
      ...Array(5).fill("rejected"),
      "fulfilled",
    ]);
    assert.equal(store.get("a")?.generation, await generationOfVariant(5));
    await until(() => disk.stats().adapters === 1);
    assert.equal(store.stats().ram.adapters, 1);
  });
});

Deno.test("a first put that fails is shown with its error, holds nothing, and the next one may succeed", async () => {
  await withWorld({}, async ({ host, store, registry, disk }) => {
    host.put(URL_A, badVariant(1));
    await assert.rejects(store.startPut("a", { url: URL_A }).done, {
      code: "bad_adapter",
      message: /^Cannot load adapter "a": .*DoRA/,
    });
    const { state, error, generation } = store.get("a")!;
    assert.deepEqual([state, error?.code, error?.retryAt, generation], [
      "failed",
      "bad_adapter",
      null,
      null,
    ]);
    await assert.rejects(store.acquire("a"), { code: "bad_adapter", message: /DoRA/ });
    await assert.rejects(store.refresh("a"), { code: "bad_adapter", message: /DoRA/ });
    await assert.rejects(store.pin("a"), { code: "bad_adapter", message: /DoRA/ });
    assert.throws(() => store.unpin("a"), { reason: "adapter_not_found" });
    assert.equal(host.reads.length, 1);
    assert.deepEqual([registry.rows().length, disk.stats().adapters], [0, 0]);
    host.put(URL_A, variant(1));
    await store.startPut("a", { url: URL_A, expectedGeneration: null }).done;
    assert.deepEqual([store.get("a")?.state, store.get("a")?.error], ["ready", null]);
    assert.equal(registry.rows().length, 1);
    await assert.rejects(store.startPut("b", { url: "https://host/none" }).done, {
      reason: "origin_not_found",
    });
    store.delete("b");
    assert.equal(store.get("b"), undefined);
  });
});

Deno.test("a put that fails leaves the earlier content and URL, and says why", async () => {
  await withWorld({ maxBytes: BYTES }, async ({ host, store }) => {
    host.put(URL_A, variant(1));
    host.put(URL_B, badVariant(2));
    const before = await store.startPut("a", { url: URL_A }).done;
    await assert.rejects(store.startPut("a", { url: URL_B }).done, { message: /DoRA/ });
    const { error, ...after } = store.get("a")!;
    assert.deepEqual({ ...after, error: null }, before);
    assert.equal(error?.code, "bad_adapter");
    // Neither does a broken disk make it lose its own URL.
    host.put("https://host/c", variant(3));
    await store.startPut("c", { url: "https://host/c" }).done;
    using lease = await store.acquire("a");
    assert.equal(lease.generation, before.generation);
  });
});

Deno.test("a deleted name is not found at once; its put is told, its leases go on", async () => {
  await withWorld({}, async ({ host, store, registry, disk }) => {
    host.put(URL_A, variant(1));
    host.put(URL_B, variant(2));
    await store.startPut("a", { url: URL_A }).done;
    const lease = await store.acquire("a");
    host.hold(URL_B);
    const { done } = store.startPut("a", { url: URL_B });
    const first = store.startPut("b", { url: URL_B });
    const waiting = store.acquire("b");
    await until(() => host.running === 1);
    store.delete("a");
    store.delete("b");
    await assert.rejects(done, { reason: "generation_conflict", message: /deleted/ });
    await assert.rejects(first.done, { reason: "generation_conflict", message: /deleted/ });
    await assert.rejects(waiting, { reason: "adapter_not_found" });
    await assert.rejects(store.acquire("a"), { reason: "adapter_not_found" });
    assert.throws(() => store.delete("a"), { reason: "adapter_not_found" });
    assert.deepEqual([store.list(), registry.rows()], [[], []]);
    assert.equal(await store.weightsOf(lease.generation), lease.weights);
    await until(() => host.running === 0);
    lease.release();
    await until(() => disk.stats().adapters === 0);
    assert.equal(store.stats().ram.adapters, 0);
  });
});

Deno.test("requests that come before a name's first put is done wait for it", async () => {
  await withWorld({}, async ({ host, store }) => {
    host.put(URL_A, variant(1));
    host.fail(URL_B, "origin_error");
    const { done } = store.startPut("a", { url: URL_A });
    const lease = await store.acquire("a");
    assert.equal(lease.generation, (await done).generation);
    lease.release();
    store.startPut("b", { url: URL_B });
    await assert.rejects(store.acquire("b"), { reason: "origin_error" });
  });
});

Deno.test("a put ends when its caller goes away, and runs on when nobody ever waited", async () => {
  await withWorld({}, async ({ host, store }) => {
    host.put(URL_A, variant(1));
    const go = host.hold(URL_A);
    const caller = new AbortController();
    const { done } = store.startPut("a", { url: URL_A, signal: caller.signal });
    await until(() => host.running === 1);
    caller.abort(new Error("gone"));
    await assert.rejects(done, { message: "gone" });
    assert.equal(store.get("a"), undefined);
    await until(() => host.running === 0);
    store.startPut("b", { url: URL_A });
    await until(() => host.running === 1);
    go();
    await until(() => store.get("b")?.state === "ready");
  });
});

Deno.test("a put's examples stay with the name over swaps and restarts, until others come or none", async () => {
  const examples = Array.from({ length: 10 }, (_, i) => `Example ${i}`);
  await withWorld({}, async ({ host, store, registry }) => {
    host.put(URL_A, variant(1));
    host.put(URL_B, variant(2));
    const kinds: string[] = [];
    const stop = store.watch((kind) => kinds.push(kind));
    await store.startPut("a", { url: URL_A, examples }).done;
    assert.deepEqual(store.routable("a")?.examples, examples);
    await store.startPut("a", { url: URL_B }).done;
    assert.deepEqual(store.routable("a")?.examples, examples);
    assert.equal(store.routable("a")?.generation, await generationOfVariant(2));
    assert.deepEqual(registry.rows()[0].examples, examples);
    assert.deepEqual([...store.withExamples()], ["a"]);
    await store.startPut("a", { url: URL_B, examples: ["other"] }).done;
    assert.deepEqual(registry.rows()[0].examples, ["other"]);
    await store.startPut("a", { url: URL_B, examples: [] }).done;
    assert.deepEqual([...store.withExamples()], []);
    store.delete("a");
    assert.equal(store.routable("a"), undefined);
    assert.equal(kinds.at(-1), "removed");
    stop();
    assert.ok(kinds.filter((kind) => kind === "changed").length >= 4);
  });
});

Deno.test("a name whose first put is under way stands for nothing to a router", async () => {
  await withWorld({}, async ({ host, store }) => {
    host.put(URL_A, variant(1));
    const go = host.hold(URL_A);
    const { done } = store.startPut("a", { url: URL_A });
    await until(() => host.running === 1);
    assert.equal(store.routable("a"), undefined);
    go();
    await done;
    assert.notEqual(store.routable("a")?.generation, null);
  });
});

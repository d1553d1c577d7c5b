import assert from "node:assert/strict";
import type { AdapterStoreOptions } from "../../../adapters/mod.ts";
import { badVariant, BYTES, generationOfVariant, until, variant, withWorld } from "./setup.ts";
import type { World } from "./setup.ts";

const PLACE = "bucket:";
const ONE = "bucket:/one";
const TWO = "bucket:/two";

/** A world whose store has the bucket as catalogue, holding one and two. */
async function withBucket(
  options: Parameters<typeof withWorld>[0],
  test: (world: World) => Promise<void>,
): Promise<void> {
  await withWorld(options, async (world) => {
    world.host.put(ONE, variant(1));
    world.host.put(TWO, variant(2));
    await world.restart({ catalogues: [world.host.catalogue(PLACE)] });
    world.happened();
    await test(world);
  });
}

Deno.test("what a bucket lists is registered without a fetch; later listings add, change and remove", async () => {
  await withBucket({}, async ({ host, store, happened, registry }) => {
    assert.deepEqual(
      store.list().map(({ name, owner, state, level }) => [name, owner, state, level]),
      [["one", "catalogue", "registered", "origin"], ["two", "catalogue", "registered", "origin"]],
    );
    assert.equal(host.reads.length, 0);
    const lease = await store.acquire("one");
    assert.equal(lease.level, "origin");
    host.put(ONE, variant(11));
    host.remove(TWO);
    host.put("bucket:/three", variant(3));
    await store.refreshCatalogues();
    assert.deepEqual(store.list().map(({ name }) => name), ["one", "three"]);
    const fresh = await generationOfVariant(11);
    await until(() => store.get("one")?.generation === fresh);
    assert.equal(host.downloads.length, 2);
    assert.deepEqual(happened().filter((kind) => !kind.startsWith("fetch")), [
      "removed",
      "listed",
      "swapped",
    ]);
    assert.equal(registry.rows().length, 2);
    lease.release();
  });
});

Deno.test("of what changed, warm names are renewed at once and cold ones when next used", async () => {
  await withBucket({ maxBytes: BYTES }, async ({ host, store, clock }) => {
    (await store.acquire("one")).release();
    (await store.acquire("two")).release();
    host.put(ONE, variant(11));
    host.put(TWO, variant(12));
    await store.refreshCatalogues();
    const fresh = await generationOfVariant(12);
    await until(() => store.get("two")?.generation === fresh);
    assert.equal(host.downloads.length, 3);
    assert.equal(store.get("one")?.generation, await generationOfVariant(1));
    using lease = await store.acquire("one");
    assert.equal(lease.generation, await generationOfVariant(11));
    lease.release();
    // One that can't be had leaves the earlier content to serve.
    (await store.acquire("two")).release();
    host.put(ONE, variant(21));
    host.fail(ONE, "origin_error");
    await store.refreshCatalogues();
    using earlier = await store.acquire("one");
    assert.deepEqual([earlier.generation, earlier.level], [lease.generation, "disk"]);
    assert.equal(store.get("one")?.error?.code, "origin_error");
    earlier.release();
    await until(() => clock.sleepers === 1);
    host.fail(ONE, null);
    await clock.pass(60_000);
    await until(() => store.get("one")?.error === null);
    assert.equal(store.get("one")?.generation, await generationOfVariant(21));
  });
});

Deno.test("new content that is bad is fetched once, and again when the listing shows another", async () => {
  await withBucket({}, async ({ host, store, clock }) => {
    (await store.acquire("one")).release();
    host.put(ONE, badVariant(1));
    await store.refreshCatalogues();
    await until(() => store.get("one")?.error != null);
    const reads = host.reads.length;
    for (let i = 0; i < 3; i++) {
      await clock.pass(60_000);
      await store.refreshCatalogues();
      (await store.acquire("one")).release();
    }
    assert.equal(host.reads.length, reads);
    assert.equal(store.get("one")?.error?.code, "bad_adapter");
    host.put(ONE, variant(5));
    await store.refreshCatalogues();
    const fresh = await generationOfVariant(5);
    await until(() => store.get("one")?.generation === fresh);
    assert.equal(store.get("one")?.error, null);
  });
});

Deno.test("a deleted name is not brought back by listings or restarts, but by a put", async () => {
  await withBucket({}, async (world) => {
    const { host } = world;
    (await world.store.acquire("one")).release();
    world.store.delete("one");
    await world.store.refreshCatalogues();
    assert.equal(world.store.get("one"), undefined);
    const catalogues = [host.catalogue(PLACE)];
    await world.restart({ catalogues });
    await world.store.refreshCatalogues();
    assert.deepEqual(world.store.list().map(({ name }) => name), ["two"]);
    await world.store.startPut("one", { url: "https://host/other" }).done.catch(() => {});
    world.store.delete("one");
    await world.restart({ catalogues });
    assert.equal(world.store.get("one"), undefined);
    await world.store.startPut("one", { url: ONE }).done;
    assert.equal(world.store.get("one")?.owner, "api");
    world.store.delete("one");
    await world.store.refreshCatalogues();
    assert.equal(world.store.get("one"), undefined);
    await world.store.startPut("one", { url: ONE }).done;
    await world.store.refreshCatalogues();
    world.store.delete("one");
    await world.store.refreshCatalogues();
    assert.equal(world.store.get("one"), undefined);
  });
});

Deno.test("a name that the API holds stays the API's; of two catalogues the first has it; reserved names are left out", async () => {
  await withWorld({ reservedNames: ["two"] }, async (world) => {
    const { host, events } = world;
    host.put("https://host/one", variant(9));
    await world.store.startPut("one", { url: "https://host/one" }).done;
    host.put(ONE, variant(1));
    host.put(TWO, variant(2));
    host.put("bucket:/three", variant(3));
    host.put("other:/three", variant(3));
    const catalogues = [host.catalogue(PLACE), host.catalogue("other:")];
    await world.restart({ catalogues });
    await world.store.refreshCatalogues();
    assert.deepEqual(world.store.list().map(({ name, url }) => [name, url]), [
      ["one", "https://host/one"],
      ["three", "bucket:/three"],
    ]);
    const problems = events.filter((event) => event.kind === "listing_problem");
    assert.deepEqual(problems.map(({ place }) => place).sort(), ["bucket:", "other:"]);
    host.remove(ONE);
    await world.store.refreshCatalogues();
    assert.equal(world.store.get("one")?.owner, "api");
  });
});

Deno.test("what a listing leaves out is told once, and again only after it was in order", async () => {
  await withBucket({ reservedNames: ["taken"] }, async ({ host, store, happened }) => {
    host.put("bucket:/taken", variant(3));
    await store.refreshCatalogues();
    assert.deepEqual(happened(), ["listing_problem", "listed"]);
    await store.refreshCatalogues();
    assert.deepEqual(happened(), ["listed"]);
    host.remove("bucket:/taken");
    await store.refreshCatalogues();
    host.put("bucket:/taken", variant(3));
    await store.refreshCatalogues();
    assert.deepEqual(happened(), ["listed", "listing_problem", "listed"]);
  });
});

Deno.test("a listener that throws changes nothing of what it is told", async () => {
  await withWorld({}, async (world) => {
    world.host.put(ONE, variant(1));
    const onEvent = () => {
      throw new Error("the log is broken");
    };
    const catalogues = [world.host.catalogue(PLACE)];
    await world.restart({ catalogues, onEvent, refreshMs: 30_000 });
    const { store, host, clock } = world;
    (await store.acquire("one")).release();
    host.put(ONE, variant(2));
    assert.equal((await store.refresh("one")).generation, await generationOfVariant(2));
    // A rejection that nobody awaits would fail the test.
    host.isUnreachable = true;
    await clock.pass(33_001);
    await assert.rejects(store.refreshCatalogues(), { reason: "connect_failed" });
    store.delete("one");
    assert.deepEqual(store.list(), []);
  });
});

Deno.test("a restart serves every known adapter from the disk without network", async () => {
  await withBucket({}, async (world) => {
    const { host, happened } = world;
    const before = [];
    for (const name of ["one", "two"]) {
      (await world.store.acquire(name)).release();
      before.push(world.store.get(name));
    }
    host.put("https://host/c", variant(3));
    before.unshift(await world.store.startPut("c", { url: "https://host/c" }).done);
    host.isUnreachable = true;
    const reads = host.reads.length;
    await world.restart({ catalogues: [host.catalogue(PLACE)] });
    assert.deepEqual(world.store.list(), before.map((info) => ({ ...info, level: "disk" })));
    for (const name of ["one", "two", "c"]) {
      using lease = await world.store.acquire(name);
      assert.equal(lease.level, "disk");
    }
    assert.equal(host.reads.length, reads);
    await until(() => happened().includes("listing_failed"));
    await assert.rejects(world.store.refreshCatalogues(), { reason: "connect_failed" });
    assert.equal(world.store.list().length, 3);
    // Once the place answers, it is listed again by itself.
    host.isUnreachable = false;
    host.put("bucket:/three", variant(3));
    await world.clock.pass(60_000);
    await until(() => world.store.get("three") !== undefined);
  });
});

Deno.test("content that nothing refers to, and names of places that are no longer configured, don't stay", async () => {
  await withBucket({}, async (world) => {
    (await world.store.acquire("one")).release();
    (await world.store.acquireUrl(TWO)).release();
    assert.equal(world.disk.stats().adapters, 2);
    await world.restart({ catalogues: [world.host.catalogue(PLACE)] });
    await until(() => world.disk.stats().adapters === 1);
    await world.restart({ catalogues: [] });
    assert.deepEqual([world.store.list(), world.registry.rows()], [[], []]);
    await until(() => world.disk.stats().adapters === 0);
  });
});

Deno.test("opening waits for a place that was never listed, but not for ever", async () => {
  await withWorld({}, async (world) => {
    const { host, clock } = world;
    host.isUnreachable = true;
    const opening = world.restart({ catalogues: [host.catalogue(PLACE)], firstListingMs: 5000 });
    await until(() => clock.sleepers === 2);
    await clock.pass(1000);
    host.isUnreachable = false;
    await until(() => clock.sleepers === 2);
    host.put(ONE, variant(1));
    await clock.pass(2000);
    await opening;
    assert.deepEqual(world.store.list().map(({ name }) => name), ["one"]);
    host.isUnreachable = true;
    const other = world.restart({ catalogues: [host.catalogue("other:")], firstListingMs: 5000 });
    await until(() => clock.sleepers === 2);
    await clock.pass(5000);
    await other;
    assert.deepEqual(world.store.list(), []);
  });
});

Deno.test("on the interval catalogues are listed, and used names outside them are checked", async () => {
  await withWorld({}, async (world) => {
    const { host, clock } = world;
    host.put(ONE, variant(1));
    for (const name of ["used", "unused"]) host.put(`https://host/${name}`, variant(2));
    await world.restart({ catalogues: [host.catalogue(PLACE)], refreshMs: 30_000 });
    const { store } = world;
    for (const name of ["used", "unused"]) {
      await store.startPut(name, { url: `https://host/${name}` }).done;
    }
    (await store.acquire("used")).release();
    (await store.acquireUrl("https://host/unused")).release();
    (await store.acquire("one")).release();
    const { lists } = host;
    const reads = host.reads.length;
    await clock.pass(33_001);
    await until(() => host.lists === lists + 1 && host.reads.length === reads + 2);
    assert.deepEqual(host.reads.slice(reads).sort(), ["https://host/unused", "https://host/used"]);
    assert.equal(store.stats().revalidations, 2);
    await until(() => clock.sleepers === 2);
    host.put("https://host/used", variant(3));
    (await store.acquire("used")).release();
    await clock.pass(33_001);
    const fresh = await generationOfVariant(3);
    await until(() => store.get("used")?.generation === fresh);
    assert.equal(host.reads.length, reads + 3);
  });
});

Deno.test("however many names come or go at once, the registry waits for its disk once", async () => {
  await withWorld({}, async (world) => {
    const writes: string[] = [];
    const noted = (kind: string, write: () => void) => {
      const before = world.registry.rows().length;
      write();
      if (world.registry.rows().length !== before) writes.push(kind);
    };
    const registry: AdapterStoreOptions["registry"] = {
      rows: () => world.registry.rows(),
      put: (row) => noted("put", () => world.registry.put(row)),
      putAll: (rows) => noted("putAll", () => world.registry.putAll(rows)),
      remove: (name) => noted("remove", () => world.registry.remove(name)),
      removeAll: (names) => noted("removeAll", () => world.registry.removeAll(names)),
      setting: (key) => world.registry.setting(key),
      setSetting: (key, value) => world.registry.setSetting(key, value),
    };
    const urls = Array.from({ length: 50 }, (_, index) => `${PLACE}/name-${index}`);
    for (const url of urls) world.host.put(url, variant(1));
    await world.restart({ catalogues: [world.host.catalogue(PLACE)], registry });
    assert.equal(world.registry.rows().length, 50);
    for (const url of urls.slice(10)) world.host.remove(url);
    await world.store.refreshCatalogues();
    assert.equal(world.registry.rows().length, 10);
    await world.restart({ registry });
    assert.equal(world.registry.rows().length, 0);
    assert.deepEqual(writes, ["putAll", "removeAll", "removeAll"]);
  });
});

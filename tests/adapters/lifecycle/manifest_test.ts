import assert from "node:assert/strict";
import { generationOfVariant, until, variant, withWorld, type World } from "./setup.ts";

const PLACE = "https://host/fleet.json";

function publish({ host }: World, adapters: Record<string, unknown>): void {
  const text = JSON.stringify({ version: 1, adapters });
  host.manifest = { version: `m${Math.random()}`, text };
}

const url = (name: string) => `https://host/${name}?token=secret`;

async function withManifest(test: (world: World) => Promise<void>): Promise<void> {
  await withWorld({}, async (world) => {
    for (let i = 1; i < 5; i++) world.host.put(url(String(i)), variant(i));
    publish(world, { a: { url: url("1") }, b: { url: url("2"), pinned: true } });
    await world.restart({ manifest: world.host.object(PLACE), refreshMs: 30_000 });
    await test(world);
  });
}

Deno.test("the manifest says which names there are, and what is pinned; the API may not", async () => {
  await withManifest(async ({ store, gpu, host }) => {
    assert.deepEqual(store.list().map(({ name, owner, url }) => [name, owner, url]), [
      ["a", "manifest", "https://host/1"],
      ["b", "manifest", "https://host/2"],
    ]);
    await until(() => gpu.holds.length === 1);
    assert.deepEqual(host.reads, [url("2")]);
    assert.throws(() => store.startPut("c", { url: url("3") }), { reason: "managed_by_manifest" });
    assert.throws(() => store.delete("a"), { reason: "managed_by_manifest" });
    assert.equal((await store.pin("a")).pinned, true);
    assert.equal(store.unpin("a").pinned, false);
    assert.equal((await store.refresh("a")).generation, await generationOfVariant(1));
  });
});

Deno.test("changes converge within the interval: names move once the new content is there", async () => {
  await withManifest(async (world) => {
    const { store, clock, host } = world;
    const lease = await store.acquire("a");
    await until(() => store.get("b")?.level === "gpu");
    host.fail(url("4"), "origin_error");
    publish(world, { a: { url: url("3") }, c: { url: url("4") } });
    await clock.pass(33_001);
    const fresh = await generationOfVariant(3);
    await until(() => store.get("a")?.generation === fresh);
    assert.deepEqual(store.list().map(({ name }) => name), ["a", "c"]);
    assert.deepEqual(world.gpu.holds, []);
    assert.equal(await store.weightsOf(lease.generation), lease.weights);
    lease.release();
    await assert.rejects(store.acquire("c"), { reason: "origin_error" });

    // A manifest that can't be read, or has gone, changes nothing.
    for (const broken of ["{", null]) {
      host.manifest = broken === null ? null : { version: "broken", text: broken };
      await assert.rejects(store.refreshCatalogues());
      assert.equal(store.list().length, 2);
    }
  });
});

Deno.test("a pin in the manifest that the content at hand meets needs no fetch; one that it doesn't is an error", async () => {
  await withManifest(async (world) => {
    const { store, host } = world;
    (await store.acquire("a")).release();
    const { sha256, generation } = store.get("a")!;
    const reads = host.reads.length;
    publish(world, { a: { url: url("elsewhere"), sha256 } });
    await store.refreshCatalogues();
    (await store.acquire("a")).release();
    assert.equal(host.reads.length, reads);
    assert.equal(store.get("a")?.url, "https://host/elsewhere");
    publish(world, { a: { url: url("1"), sha256: "0".repeat(64) } });
    await store.refreshCatalogues();
    await until(() => store.get("a")?.error?.code === "sha256_mismatch");
    using lease = await store.acquire("a");
    assert.equal(lease.generation, generation);
  });
});

Deno.test("a replica restarts without the manifest, and forgets it when it is no longer configured", async () => {
  await withManifest(async (world) => {
    (await world.store.acquire("a")).release();
    world.host.isUnreachable = true;
    await world.restart({ manifest: world.host.object(PLACE), refreshMs: 30_000 });
    using lease = await world.store.acquire("a");
    assert.equal(lease.level, "disk");
    lease.release();
    await world.restart();
    assert.deepEqual(world.store.list(), []);
  });
});

import assert from "node:assert/strict";
import { adapterError } from "../../../adapters/mod.ts";
import { BYTES, generationOfVariant, TestGpu, until, variant, withWorld } from "./setup.ts";

const URL_A = "https://host/a";
const URL_B = "https://host/b";

Deno.test("pinned content is brought to every tier, stays there, and is let go when unpinned", async () => {
  await withWorld({ maxBytes: BYTES }, async (world) => {
    const { host, store, gpu, disk, registry } = world;
    host.put(URL_A, variant(1));
    host.put(URL_B, variant(2));
    const { generation } = await store.startPut("a", { url: URL_A }).done;
    const info = await store.pin("a");
    assert.deepEqual([info.pinned, info.level], [true, "gpu"]);
    await store.pin("a");
    assert.deepEqual(gpu.holds, [generation]);
    assert.equal(registry.rows()[0].pinned, true);
    assert.deepEqual([store.stats().ram.pinned, disk.stats().pinned], [1, 1]);
    await store.startPut("b", { url: URL_B }).done;
    await assert.rejects(store.acquire("b"), { reason: "memory_full" });
    assert.equal(store.unpin("a").pinned, false);
    assert.deepEqual(gpu.holds, []);
    assert.equal(disk.stats().pinned, 0);
    (await store.acquire("b")).release();
    assert.equal(registry.rows()[0].pinned, false);
  });
});

Deno.test("a pin moves with its name: the new content is held before the old is let go", async () => {
  await withWorld({}, async ({ host, store, gpu }) => {
    host.put(URL_A, variant(1));
    host.put(URL_B, variant(2));
    await store.startPut("a", { url: URL_A, pinned: true }).done;
    const [old, fresh] = await Promise.all([1, 2].map(generationOfVariant));
    assert.deepEqual(gpu.holds, [old]);
    const { promise, resolve } = Promise.withResolvers<void>();
    gpu.gate = promise;
    const { done } = store.startPut("a", { url: URL_B });
    await until(() => store.stats().fetches === 2);
    assert.deepEqual([store.get("a")?.generation, ...gpu.holds], [old, old]);
    resolve();
    assert.equal((await done).pinned, true);
    assert.deepEqual(gpu.holds, [fresh]);
    gpu.isFull = true;
    await assert.rejects(store.startPut("a", { url: URL_A }).done, { reason: "memory_full" });
    assert.equal(store.get("a")?.generation, fresh);
    assert.deepEqual(gpu.holds, [fresh]);
    gpu.isFull = false;
    await store.startPut("a", { url: URL_A, pinned: false }).done;
    assert.deepEqual(gpu.holds, []);
    await store.startPut("a", { url: URL_A, pinned: true }).done;
    assert.deepEqual(gpu.holds, [old]);
    store.delete("a");
    assert.deepEqual(gpu.holds, []);
  });
});

Deno.test("pins survive a restart without network; what fails is tried again", async () => {
  await withWorld({}, async (world) => {
    world.host.put(URL_A, variant(1));
    await world.store.startPut("a", { url: URL_A, pinned: true }).done;
    const generation = await generationOfVariant(1);
    world.host.isUnreachable = true;
    await world.restart();
    await until(() => world.gpu.holds.length === 1);
    assert.deepEqual(world.gpu.holds, [generation]);
    assert.equal(world.store.get("a")?.level, "gpu");
    assert.equal(world.disk.stats().pinned, 1);

    await world.disk.remove(generation);
    await world.restart();
    await until(() => world.events.some(({ kind }) => kind === "failed"));
    await until(() => world.clock.sleepers === 1);
    world.host.isUnreachable = false;
    await world.clock.pass(60_000);
    await until(() => world.gpu.holds.length === 1);
    assert.equal(world.store.unpin("a").pinned, false);
    assert.deepEqual(world.gpu.holds, []);
    assert.equal(world.disk.stats().pinned, 0);
  });
});

Deno.test("where the old content is on the GPU, the new one is brought there before the name moves", async () => {
  await withWorld({}, async ({ host, store, gpu }) => {
    host.put(URL_A, variant(1));
    await store.startPut("a", { url: URL_A }).done;
    const [old, fresh] = await Promise.all([1, 2].map(generationOfVariant));
    gpu.resident.add(old);
    assert.equal((await store.acquire("a")).level, "gpu");
    host.put(URL_A, variant(2));
    const { promise, resolve } = Promise.withResolvers<void>();
    gpu.gate = promise;
    const refreshing = store.refresh("a");
    await until(() => store.stats().fetches === 2);
    assert.equal((await store.acquire("a")).generation, old);
    resolve();
    assert.equal((await refreshing).generation, fresh);
    assert.ok(gpu.has(fresh));
    assert.deepEqual(gpu.holds, []);
    // A GPU that is full of pins keeps no one from moving on.
    gpu.isFull = true;
    host.put(URL_A, variant(3));
    assert.equal((await store.refresh("a")).generation, await generationOfVariant(3));
  });
});

Deno.test("a busy GPU holds a name back for seconds at most; content that it refuses is not taken", async () => {
  await withWorld({}, async ({ host, store, gpu, clock }) => {
    host.put(URL_A, variant(1));
    await store.startPut("a", { url: URL_A }).done;
    const [old, fresh] = await Promise.all([1, 2].map(generationOfVariant));
    gpu.resident.add(old);
    gpu.isBusy = true;
    host.put(URL_A, variant(2));
    const refreshing = store.refresh("a");
    await until(() => clock.sleepers === 1);
    assert.equal(store.get("a")?.generation, old);
    await clock.pass(5000);
    assert.equal((await refreshing).generation, fresh);
    gpu.isBusy = false;
    gpu.resident.add(fresh);
    gpu.load = () => Promise.reject(adapterError("bad_adapter", "it holds what f16 cannot"));
    host.put(URL_A, variant(3));
    await assert.rejects(store.refresh("a"), { code: "bad_adapter", message: /f16/ });
    await assert.rejects(store.refresh("a"), { code: "bad_adapter", message: /f16/ });
    assert.equal(store.stats().fetches, 3);
    assert.equal(store.get("a")?.generation, fresh);
  });
});

Deno.test("a name that is unpinned while its pin is being restored stays unpinned", async () => {
  await withWorld({}, async (world) => {
    world.host.put(URL_A, variant(1));
    await world.store.startPut("a", { url: URL_A, pinned: true }).done;
    const { promise, resolve } = Promise.withResolvers<void>();
    const gpu = new TestGpu();
    let asked = 0;
    gpu.hold = async () => {
      asked++;
      await promise;
      return { release: () => asked-- };
    };
    await world.restart({ gpu });
    await until(() => asked === 1);
    assert.equal(world.store.unpin("a").pinned, false);
    resolve();
    await until(() => asked === 0);
    assert.equal(world.store.get("a")?.pinned, false);
    assert.equal(world.registry.rows()[0].pinned, false);
  });
});

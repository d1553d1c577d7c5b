import assert from "node:assert/strict";
import { join } from "node:path";
import { DiskCache } from "../../../adapters/disk/mod.ts";
import { CONFIG_FILE, WEIGHTS_FILE } from "../../../adapters/peft/mod.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { example, keep, namesIn, temporary, write } from "./contents.ts";

Deno.test("content that was kept is read back, also after a restart", async () => {
  await using place = await temporary();
  const [one, two] = [await example(1), await example(2)];
  const cache = await DiskCache.open({ directory: place.path, maxBytes: 10_000 });
  assert.equal(await cache.read(one.generation), undefined);
  await keep(cache, one);
  await keep(cache, two);
  assert.ok(cache.has(one.generation) && cache.has(two.generation));
  assert.deepEqual(await cache.read(one.generation), one.files);
  await cache.checkIntegrity();
  const counted = { adapters: 2, bytes: 2000, maxBytes: 10_000, pinned: 0, evictions: 0 };
  assert.deepEqual(cache.stats(), { ...counted, hits: 1, misses: 1 });

  const again = await DiskCache.open({ directory: place.path, maxBytes: 10_000 });
  assert.deepEqual(await again.read(two.generation), two.files);
  assert.deepEqual(again.stats(), { ...counted, hits: 1, misses: 0 });
  await again.checkIntegrity();
});

Deno.test("content is invisible until it is kept, and gone once it is dropped", async () => {
  await using place = await temporary();
  const one = await example(1);
  const cache = await DiskCache.open({ directory: place.path, maxBytes: 10_000 });
  const staging = await cache.stage();
  await write(staging.path, one.files);
  assert.equal(cache.has(one.generation), false);
  assert.deepEqual(await namesIn(place.path, "content"), []);
  await cache.checkIntegrity();
  await staging.drop();
  await staging.drop();
  assert.deepEqual(await namesIn(place.path, "incoming"), []);
  await assert.rejects(staging.keep(one.generation), /kept or dropped already/);
});

Deno.test("a staging without exactly the two files is not kept", async () => {
  await using place = await temporary();
  const one = await example(1);
  const cache = await DiskCache.open({ directory: place.path, maxBytes: 10_000 });
  const spoil: ((path: string) => Promise<void>)[] = [
    (path) => Deno.remove(join(path, CONFIG_FILE)),
    (path) => Deno.writeTextFile(join(path, "archive.zip"), "x"),
    async (path) => {
      await Deno.rename(join(path, WEIGHTS_FILE), join(place.path, "elsewhere"));
      await Deno.symlink(join(place.path, "elsewhere"), join(path, WEIGHTS_FILE));
    },
  ];
  for (const change of spoil) {
    const staging = await cache.stage();
    await write(staging.path, one.files);
    await change(staging.path);
    await assert.rejects(staging.keep(one.generation), /two files alone/);
    assert.equal(cache.has(one.generation), false);
  }
  assert.deepEqual(await namesIn(place.path, "incoming"), []);
  await cache.checkIntegrity();
});

Deno.test("a name that is no generation leads nowhere", async () => {
  await using place = await temporary();
  const cache = await DiskCache.open({ directory: place.path, maxBytes: 10_000 });
  for (const name of ["../escape", "", "A".repeat(64), "0".repeat(63)]) {
    const staging = await cache.stage();
    await write(staging.path, (await example(1)).files);
    await assert.rejects(staging.keep(name), /is no generation/);
    assert.equal(cache.has(name), false);
    assert.equal(await cache.read(name), undefined);
    await cache.remove(name);
  }
  assert.deepEqual(await namesIn(place.path), ["content", "incoming"]);
  assert.deepEqual(await namesIn(place.path, "incoming"), []);
});

Deno.test("keeping the same content twice, also at once, keeps it once", async () => {
  await using place = await temporary();
  const one = await example(1);
  const cache = await DiskCache.open({ directory: place.path, maxBytes: 10_000 });
  await Promise.all([keep(cache, one), keep(cache, one), keep(cache, one)]);
  assert.equal(cache.stats().adapters, 1);
  assert.deepEqual(await cache.read(one.generation), one.files);
  await cache.checkIntegrity();
});

Deno.test("the least recently used leaves for the new, in the order that outlives a restart", async () => {
  await using place = await temporary();
  const all = await Promise.all([1, 2, 3, 4, 5].map((seed) => example(seed)));
  const open = () => DiskCache.open({ directory: place.path, maxBytes: 3500 });
  const first = await open();
  for (const one of all.slice(0, 3)) await keep(first, one);
  await first.read(all[0].generation);
  await keep(first, all[3]);
  assert.deepEqual(present(first, all), [true, false, true, true, false]);
  assert.equal(first.stats().evictions, 1);

  const second = await open();
  await second.read(all[0].generation);
  const third = await open();
  await keep(third, all[4]);
  assert.deepEqual(present(third, all), [true, false, false, true, true]);
  await third.checkIntegrity();
});

Deno.test("a smaller budget at start takes the least recently used, and what is spared last", async () => {
  await using place = await temporary();
  const all = await Promise.all([1, 2, 3].map((seed) => example(seed)));
  const cache = await DiskCache.open({ directory: place.path, maxBytes: 10_000 });
  for (const one of all) await keep(cache, one);
  const spared = [all[0].generation];
  const smaller = await DiskCache.open({ directory: place.path, maxBytes: 2500, spared });
  assert.deepEqual(present(smaller, all), [true, false, true]);
  const tiny = await DiskCache.open({ directory: place.path, maxBytes: 500, spared });
  assert.deepEqual(present(tiny, all), [false, false, false]);
  assert.deepEqual(await namesIn(place.path, "content"), []);
  await tiny.checkIntegrity();
});

Deno.test("pinned content stays until it is unpinned as often, and may be pinned before it comes", async () => {
  await using place = await temporary();
  const [one, two, three] = await Promise.all([1, 2, 3].map((seed) => example(seed)));
  const cache = await DiskCache.open({ directory: place.path, maxBytes: 2500 });
  cache.pin(one.generation);
  cache.pin(one.generation);
  assert.equal(cache.stats().pinned, 0);
  await keep(cache, one);
  await keep(cache, two);
  await keep(cache, three);
  assert.deepEqual(present(cache, [one, two, three]), [true, false, true]);
  cache.unpin(one.generation);
  await keep(cache, two);
  assert.deepEqual(present(cache, [one, two, three]), [true, true, false]);
  cache.unpin(one.generation);
  assert.throws(() => cache.unpin(one.generation), /is not pinned/);
  await keep(cache, three);
  assert.deepEqual(present(cache, [one, two, three]), [false, true, true]);
});

Deno.test("content larger than the budget, or than what pins leave, is refused and nothing leaves for it", async () => {
  await using place = await temporary();
  const [one, two] = await Promise.all([1, 2].map((seed) => example(seed)));
  const cache = await DiskCache.open({ directory: place.path, maxBytes: 2500 });
  await keep(cache, one);
  await keep(cache, two);
  await assert.rejects(
    keep(cache, await example(3, 2501)),
    isDiskFull(/2501 bytes.*2500 configured/),
  );
  cache.pin(one.generation);
  await assert.rejects(
    keep(cache, await example(3, 1600)),
    isDiskFull(/pinned adapters take 1000/),
  );
  assert.deepEqual(present(cache, [one, two]), [true, true]);
  assert.deepEqual(await namesIn(place.path, "incoming"), []);
  await cache.checkIntegrity();
});

Deno.test("what is being read does not leave: the newcomer waits for its reader", async () => {
  await using place = await temporary();
  // Large enough that reading and hashing it outlast the little that the other needs.
  const [large, small] = [await example(1, 50_000_000), await example(2)];
  const cache = await DiskCache.open({ directory: place.path, maxBytes: 50_000_000 });
  await keep(cache, large);
  const staging = await cache.stage();
  await write(staging.path, small.files);
  const order: string[] = [];
  const [read] = await Promise.all([
    cache.read(large.generation).finally(() => order.push("read")),
    staging.keep(small.generation).finally(() => order.push("kept")),
  ]);
  assert.deepEqual(order, ["read", "kept"]);
  assert.ok(read && read.weights.byteLength > 49_000_000);
  assert.deepEqual(present(cache, [large, small]), [false, true]);
  await cache.checkIntegrity();
});

Deno.test("corrupt content is found when it is read, and is absent from then on", async (t) => {
  const spoil: Record<string, (path: string) => Promise<void>> = {
    "a flipped bit": async (path) => {
      const bytes = await Deno.readFile(join(path, WEIGHTS_FILE));
      bytes[500] ^= 1;
      await Deno.writeFile(join(path, WEIGHTS_FILE), bytes);
    },
    "a shortened file": (path) => Deno.truncate(join(path, WEIGHTS_FILE), 10),
    "a missing file": (path) => Deno.remove(join(path, CONFIG_FILE)),
    "a missing directory": (path) => Deno.remove(path, { recursive: true }),
    "another file": (path) => Deno.writeTextFile(join(path, "x"), "x"),
  };
  for (const [what, change] of Object.entries(spoil)) {
    await t.step(what, async () => {
      await using place = await temporary();
      const [one, two] = [await example(1), await example(2)];
      const reported: string[] = [];
      const cache = await DiskCache.open({
        directory: place.path,
        maxBytes: 10_000,
        onCorrupt: (generation) => reported.push(generation),
      });
      await keep(cache, one);
      await keep(cache, two);
      await change(join(place.path, "content", one.generation));
      const reads = await Promise.all([cache.read(one.generation), cache.read(one.generation)]);
      assert.deepEqual(reads, [undefined, undefined]);
      assert.deepEqual(reported, [one.generation]);
      assert.deepEqual(present(cache, [one, two]), [false, true]);
      assert.equal(cache.stats().misses, 2);
      await cache.checkIntegrity();
      await keep(cache, one);
      assert.deepEqual(await cache.read(one.generation), one.files);
    });
  }
});

Deno.test("a start deletes what is not whole content, and keeps the rest", async () => {
  await using place = await temporary();
  const one = await example(1);
  const cache = await DiskCache.open({ directory: place.path, maxBytes: 10_000 });
  await keep(cache, one);
  await cache.stage();
  const content = (...path: string[]) => join(place.path, "content", ...path);
  const half = "ab".repeat(32);
  await Deno.mkdir(content(half));
  await Deno.writeTextFile(content(half, CONFIG_FILE), "{}");
  await Deno.mkdir(content("cd".repeat(32)));
  await Deno.writeTextFile(content("ef".repeat(32)), "a file");
  await Deno.mkdir(content("wrong name", "deep"), { recursive: true });
  await Deno.symlink(content(one.generation), content("01".repeat(32)));
  await Deno.writeTextFile(join(place.path, "incoming", "junk"), "x");

  const again = await DiskCache.open({ directory: place.path, maxBytes: 10_000 });
  assert.deepEqual(await namesIn(place.path, "content"), [one.generation]);
  assert.deepEqual(await namesIn(place.path, "incoming"), []);
  assert.deepEqual(await again.read(one.generation), one.files);
  await again.checkIntegrity();
});

Deno.test("removed content is gone, even while it is read", async () => {
  await using place = await temporary();
  const one = await example(1);
  const cache = await DiskCache.open({ directory: place.path, maxBytes: 10_000 });
  await keep(cache, one);
  const [read] = await Promise.all([cache.read(one.generation), cache.remove(one.generation)]);
  if (read !== undefined) assert.deepEqual(read, one.files);
  assert.equal(cache.has(one.generation), false);
  assert.equal(cache.stats().bytes, 0);
  await cache.checkIntegrity();
});

Deno.test("a failure to install leaves nothing behind, and the next attempt succeeds", async () => {
  await using place = await temporary();
  const one = await example(1);
  const cache = await DiskCache.open({ directory: place.path, maxBytes: 10_000 });
  // In the way of the rename, and unknown to the cache.
  await Deno.mkdir(join(place.path, "content", one.generation, "x"), { recursive: true });
  await assert.rejects(keep(cache, one));
  assert.equal(cache.has(one.generation), false);
  assert.deepEqual(await namesIn(place.path, "content"), []);
  assert.deepEqual(await namesIn(place.path, "incoming"), []);
  await keep(cache, one);
  assert.deepEqual(await cache.read(one.generation), one.files);
});

Deno.test("the integrity check notices what the books do not say", async () => {
  const tamper: [(path: string, generation: string) => Promise<void>, RegExp][] = [
    [
      (path, generation) => Deno.remove(join(path, "content", generation), { recursive: true }),
      /no bytes/,
    ],
    [
      (path, generation) => Deno.truncate(join(path, "content", generation, WEIGHTS_FILE), 1),
      /bytes on the disk, not 1000/,
    ],
    [(path) => Deno.mkdir(join(path, "content", "junk")), /holds junk/],
    [(path) => Deno.mkdir(join(path, "incoming", "orphan")), /orphan, which nobody stages/],
    [async (path) => {
      const directory = join(path, "content", "ab".repeat(32));
      await Deno.mkdir(directory);
      await write(directory, (await example(2)).files);
    }, /not in the books/],
  ];
  for (const [change, says] of tamper) {
    await using place = await temporary();
    const one = await example(1);
    const cache = await DiskCache.open({ directory: place.path, maxBytes: 10_000 });
    await keep(cache, one);
    await cache.checkIntegrity();
    await change(place.path, one.generation);
    await assert.rejects(cache.checkIntegrity(), says);
  }
});

Deno.test("many at once, with little room, never break the books or the budget", async () => {
  await using place = await temporary();
  const all = await Promise.all(
    Array.from({ length: 12 }, (_, seed) => example(seed, 1000 + seed)),
  );
  const cache = await DiskCache.open({ directory: place.path, maxBytes: 4200 });
  await Promise.all(all.flatMap((one, i) => [
    keep(cache, one),
    cache.read(one.generation),
    keep(cache, all[(i + 5) % all.length]),
    cache.read(all[(i + 3) % all.length].generation),
    i % 4 === 0 ? cache.remove(one.generation) : cache.checkIntegrity(),
  ]));
  await cache.checkIntegrity();
  assert.ok(cache.stats().adapters > 0 && cache.stats().bytes <= 4200);
  for (const one of all) {
    const read = await cache.read(one.generation);
    if (read !== undefined) assert.deepEqual(read, one.files);
  }
});

function present(cache: DiskCache, all: readonly { generation: string }[]): boolean[] {
  return all.map(({ generation }) => cache.has(generation));
}

function isDiskFull(says: RegExp) {
  return (error: unknown) =>
    error instanceof WeftError && error.reason === "disk_full" && says.test(error.message);
}

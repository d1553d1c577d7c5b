import assert from "node:assert/strict";
import { join } from "node:path";
import {
  type AdapterSource,
  AdapterStore,
  type LocalStoreOptions,
  openLocalStore,
  type ReadOptions,
} from "../../adapters/mod.ts";
import { LocalSource } from "../../adapters/sources/local_source.ts";
import { fixturePath, TINY_LLAMA } from "./fixtures.ts";
import { NO_ORIGINS } from "./origin_host.ts";

const BASE = { model: TINY_LLAMA, maxRank: 16, maxBytes: 1 << 20 };
const FILES = ["adapter_config.json", "adapter_model.safetensors"];

async function copyAdapter(from: string, to: string): Promise<void> {
  await Deno.mkdir(to, { recursive: true });
  for (const file of FILES) {
    const bytes = await Deno.readFile(join(fixturePath(from), file));
    await Deno.writeFile(join(to, file), bytes);
  }
}

/** A temporary directory with these adapters: name → fixture. */
async function withAdapters(
  adapters: Record<string, string>,
  test: (root: string) => Promise<void>,
): Promise<void> {
  const root = await Deno.makeTempDir();
  try {
    for (const [name, fixture] of Object.entries(adapters)) {
      await copyAdapter(fixture, join(root, name));
    }
    await test(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

async function open(
  root: string,
  options: Partial<LocalStoreOptions> = {},
): Promise<AdapterStore> {
  return await openLocalStore({ ...BASE, paths: [root], ...options });
}

/** Reads from origins, and those that failed. */
function readsOf(store: AdapterStore): { reads: number; failed: number } {
  const { fetches, failures } = store.stats();
  return { reads: fetches, failed: Object.values(failures).reduce((a, b) => a + b, 0) };
}

Deno.test("every good fixture is listed from its configuration and loads on first use", async () => {
  const store = await open(fixturePath("good"));
  const before = store.list();
  assert.equal(before.length, 18);
  assert.ok(
    before.every(({ state, generation }) => state === "registered" && generation === null),
  );
  for (const { name } of before) {
    using lease = await store.acquire(name);
    const info = store.get(name);
    assert.deepEqual([info?.state, info?.generation, info?.rank], [
      "ready",
      lease.generation,
      lease.weights.maxRank,
    ]);
    assert.ok(info?.bytes);
    assert.equal(await store.weightsOf(lease.generation), lease.weights);
  }
  assert.equal(store.get("rank_pattern")?.rank, 5);
  assert.deepEqual(store.get("rank_pattern")?.targetModules, ["q_proj", "up_proj", "v_proj"]);
  const { ready, fetches, ram, leases } = store.stats();
  assert.deepEqual({ ready, fetches, hits: ram.hits, misses: ram.misses, leases }, {
    ready: 18,
    fetches: 18,
    hits: 0,
    misses: 18,
    leases: 0,
  });
  (await store.acquire("regex")).release();
  assert.equal(store.stats().ram.hits, 1);
  store.checkIntegrity();
});

Deno.test("refused adapters are listed; requests for them fail with the reason", async () => {
  const store = await open(fixturePath("refused"));
  assert.equal(store.get("dora")?.state, "registered");
  for (const { name } of store.list()) {
    await assert.rejects(store.acquire(name), (error: Error & { code: string }) => {
      assert.equal(error.code, "bad_adapter");
      assert.ok(error.message.startsWith(`Cannot load adapter "${name}": `), error.message);
      return true;
    });
    const { state, error } = store.get(name)!;
    assert.equal(state, "failed");
    assert.ok(error?.message.startsWith(`Cannot load adapter "${name}": `));
  }
  assert.match(store.get("pickle")!.error!.message, /only adapter_model.bin, a pickle/);
});

Deno.test("opening reads no tensors", async () => {
  await withAdapters({ a: "good/regex" }, async (root) => {
    await Deno.writeTextFile(join(root, "a", FILES[1]), "no tensors");
    const store = await open(root);
    assert.equal(store.get("a")?.state, "registered");
    await assert.rejects(store.acquire("a"), {
      message: /adapter "a": Cannot read .* as safetensors/,
    });
    assert.equal(store.get("a")?.state, "failed");
  });
});

Deno.test("a directory that is an adapter itself is one; other directories and files are passed over", async () => {
  const one = await open(fixturePath("good/mica"));
  assert.deepEqual(one.list().map(({ name }) => name), ["mica"]);
  await withAdapters({ sql: "good/regex" }, async (root) => {
    await Deno.mkdir(join(root, ".cache"));
    await Deno.writeTextFile(join(root, "README.md"), "text");
    await Deno.symlink("nowhere", join(root, "dangling"));
    await Deno.symlink(fixturePath("good/mica"), join(root, "linked"));
    await copyAdapter("good/regex", join(root, "not a name"));
    const problems: string[] = [];
    const store = await open(root, {
      onEvent: (event) => event.kind === "listing_problem" && problems.push(event.message),
    });
    assert.deepEqual(store.list().map(({ name }) => name), ["linked", "sql"]);
    assert.match(problems.join(), /not a name is left out: its name must be 1 to 128 letters/);
    (await store.acquire("linked")).release();
  });
});

Deno.test("unknown names and unreadable directories are errors; names that occur twice are told", async () => {
  const store = await open(fixturePath("good"));
  await assert.rejects(store.acquire("nope"), {
    code: "not_found",
    message: 'Adapter "nope" does not exist',
  });
  assert.equal(store.get("nope"), undefined);
  await assert.rejects(open("/does/not/exist"), {
    reason: "missing_file",
    message: /"\/does\/not\/exist"/,
  });
  await withAdapters({ "1/a": "good/regex", "2/a": "good/mica" }, async (root) => {
    const problems: string[] = [];
    const store = await open("", {
      paths: [join(root, "1"), join(root, "2")],
      onEvent: (event) => event.kind === "listing_problem" && problems.push(event.message),
    });
    assert.equal(store.get("a")?.url, join(root, "1", "a"));
    assert.deepEqual(problems, [`Adapter "a" is left out: ${join(root, "1")} lists the name too`]);
  });
});

/** Counts and delays what a real local source does. */
class SlowSource implements AdapterSource {
  readonly isLocal = true;
  readonly #local: LocalSource;
  reads = 0;

  constructor(readonly location: string) {
    this.#local = new LocalSource(location, { maxBytes: 1 << 20 });
  }

  async read(options: ReadOptions) {
    this.reads++;
    await new Promise((resolve) => setTimeout(resolve, 5));
    return await this.#local.read(options);
  }
}

async function openSlow(fixture: string) {
  const source = new SlowSource(fixturePath(fixture));
  const list = () => Promise.resolve([{ name: "a", url: source.location, source }]);
  const catalogues = [{ location: "slow", isLocal: true, list }];
  const store = await AdapterStore.open({ ...BASE, origins: NO_ORIGINS, catalogues });
  return { source, store };
}

Deno.test("requests that come while an adapter loads share one load", async () => {
  const { source, store } = await openSlow("good/all_seven");
  const acquired = Array.from({ length: 8 }, () => store.acquire("a"));
  await new Promise((resolve) => setTimeout(resolve, 3));
  assert.equal(store.get("a")?.state, "loading");
  const leases = await Promise.all(acquired);
  assert.equal(source.reads, 1);
  assert.equal(store.stats().leases, 8);
  for (const lease of leases) {
    lease.release();
    lease.release();
  }
  assert.equal(store.stats().leases, 0);
  store.checkIntegrity();
});

Deno.test("a request that aborts leaves the load to the others; the last one stops it", async () => {
  const { source, store } = await openSlow("good/all_seven");
  const controllers = [new AbortController(), new AbortController()];
  const [first, second] = controllers.map(({ signal }) => store.acquire("a", signal));
  controllers[0].abort(new Error("gone"));
  await assert.rejects(first, { message: "gone" });
  (await second).release();
  assert.equal(source.reads, 1);

  const fresh = await openSlow("good/all_seven");
  const alone = new AbortController();
  const only = fresh.store.acquire("a", alone.signal);
  await new Promise((resolve) => setTimeout(resolve, 3));
  alone.abort(new Error("gone"));
  await assert.rejects(only, { message: "gone" });
  using lease = await fresh.store.acquire("a");
  assert.ok(lease.weights.modules.length > 0);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(readsOf(fresh.store), { reads: 1, failed: 0 });
  assert.equal(fresh.store.stats().leases, 1);
  assert.equal(fresh.store.get("a")?.error, null);
});

Deno.test("under a byte budget the least recently used leaves, leased adapters stay", async () => {
  const adapters = { a: "good/suffix_list", b: "good/float16", c: "good/bfloat16" };
  await withAdapters(adapters, async (root) => {
    // Each takes 3 layers · (q: 4·64·2, v: 4·64 + 32·4) f32.
    const bytes = 3 * (512 + 384) * 4;
    const store = await open(root, { maxBytes: 2 * bytes });
    const a = await store.acquire("a");
    (await store.acquire("b")).release();
    const c = await store.acquire("c");
    assert.deepEqual(store.list().map(({ level }) => level), ["ram", "origin", "ram"]);
    assert.equal(store.get("b")?.bytes, bytes);
    await assert.rejects(store.acquire("b"), { code: "overloaded", retryAfterSeconds: 1 });
    await assert.rejects(store.weightsOf(store.get("b")!.generation!), { code: "unavailable" });
    a.release();
    (await store.acquire("b")).release();
    assert.deepEqual(store.list().map(({ level }) => level), ["origin", "ram", "ram"]);
    assert.equal(await store.weightsOf(c.generation), c.weights);
    c.release();
    assert.equal(store.stats().ram.evictions, 2);
    store.checkIntegrity();
  });
});

Deno.test("content that changes is a new generation for new requests; leases keep theirs", async () => {
  await withAdapters({ a: "good/suffix_list" }, async (root) => {
    const store = await open(root);
    const old = await store.acquire("a");
    await copyAdapter("good/rslora", join(root, "a"));
    const fresh = await store.acquire("a");
    assert.notEqual(fresh.generation, old.generation);
    assert.equal(store.get("a")?.generation, fresh.generation);
    assert.equal(await store.weightsOf(old.generation), old.weights);
    assert.equal(await store.weightsOf(fresh.generation), fresh.weights);
    await copyAdapter("good/suffix_list", join(root, "a"));
    const again = await store.acquire("a");
    assert.equal(again.weights, old.weights);
    for (const lease of [old, fresh, again]) lease.release();
    store.checkIntegrity();
  });
});

Deno.test("content that turns bad leaves the earlier generation serving, and is tried again when it changes", async () => {
  await withAdapters({ a: "good/suffix_list" }, async (root) => {
    const store = await open(root);
    const first = await store.acquire("a");
    first.release();
    await copyAdapter("refused/dora", join(root, "a"));
    for (let i = 0; i < 2; i++) {
      using lease = await store.acquire("a");
      assert.equal(lease.generation, first.generation);
    }
    assert.equal(readsOf(store).failed, 1);
    assert.deepEqual([store.get("a")?.state, /DoRA/.test(store.get("a")!.error!.message)], [
      "ready",
      true,
    ]);
    await Deno.remove(join(root, "a"), { recursive: true });
    (await store.acquire("a")).release();
    assert.match(store.get("a")!.error!.message, /does not exist/);
    await copyAdapter("good/rslora", join(root, "a"));
    const repaired = await store.acquire("a");
    assert.notEqual(repaired.generation, first.generation);
    assert.equal(store.get("a")?.error, null);
    repaired.release();
  });
});

Deno.test("a broken adapter that is repaired serves", async () => {
  await withAdapters({ a: "refused/bias", b: "good/regex" }, async (root) => {
    const store = await open(root);
    await assert.rejects(store.acquire("a"), { code: "bad_adapter" });
    await assert.rejects(store.acquire("a"), { code: "bad_adapter" });
    assert.equal(readsOf(store).failed, 1);
    (await store.acquire("b")).release();
    await copyAdapter("good/rslora", join(root, "a"));
    (await store.acquire("a")).release();
    assert.equal(store.get("a")?.state, "ready");
  });
});

Deno.test("a weights file beyond the cap and one that is no file are refused unread", async () => {
  await withAdapters({ a: "good/suffix_list", b: "good/suffix_list" }, async (root) => {
    const weights = join(root, "b", FILES[1]);
    await Deno.remove(weights);
    await Deno.mkdir(weights);
    const store = await open(root, { maxFileBytes: 5000 });
    await assert.rejects(store.acquire("a"), {
      code: "bad_adapter",
      message: /bytes; at most 5000 are allowed/,
    });
    await assert.rejects(store.acquire("b"), {
      code: "bad_adapter",
      message: /not a regular file/,
    });
  });
});

Deno.test("a place that cannot be read is unavailable, and does not show its path", async () => {
  await withAdapters({}, async (root) => {
    const path = join(root, "loop");
    await Deno.symlink(path, path);
    const list = () =>
      Promise.resolve([{ name: "a", url: path, source: new LocalSource(path, { maxBytes: 1 }) }]);
    const catalogues = [{ location: root, isLocal: true, list }];
    const store = await AdapterStore.open({ ...BASE, origins: NO_ORIGINS, catalogues });
    await assert.rejects(store.acquire("a"), {
      code: "unavailable",
      message: 'Cannot load adapter "a": loop cannot be read (ELOOP)',
    });
  });
});

Deno.test("a link that is pointed elsewhere under load never mixes two adapters", async () => {
  const versions = ["good/suffix_list", "good/float16"];
  await withAdapters({}, async (root) => {
    const allowed = new Set<string>();
    for (const version of versions) {
      const store = await open(fixturePath(version));
      using lease = await store.acquire(version.split("/")[1]);
      allowed.add(lease.generation);
    }
    const point = async (target: string) => {
      await Deno.symlink(fixturePath(target), join(root, "new"));
      await Deno.rename(join(root, "new"), join(root, "a"));
    };
    await point(versions[0]);
    const maxBytes = 3 * (512 + 384) * 4;
    const store = await open(root, { maxBytes, maxFileBytes: 1 << 20 });
    let isDone = false;
    const swapping = (async () => {
      for (let i = 1; !isDone; i++) await point(versions[i % 2]);
    })();
    const seen = new Set<string>();
    try {
      for (let i = 0; i < 200; i++) {
        using lease = await store.acquire("a");
        seen.add(lease.generation);
      }
    } finally {
      isDone = true;
      await swapping;
    }
    assert.deepEqual([...seen].sort(), [...allowed].sort());
    store.checkIntegrity();
  });
});

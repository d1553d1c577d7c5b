import assert from "node:assert/strict";
import type { AdapterInfo, AdapterLease } from "../../../adapters/mod.ts";
import type { AdapterWeights } from "../../../engine/core/adapter_weights.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { parsePeftAdapter } from "../../../adapters/peft/mod.ts";
import { TINY_LLAMA } from "../fixtures.ts";
import { badVariant, BYTES, turns, variant, withWorld, type World } from "./setup.ts";

const NAMES = ["a", "b", "c", "d"];
const URLS = ["https://host/1", "https://host/2", "https://host/3", "bucket:/d", "bucket:/e"];
const VARIANTS = 6;
const STEPS = 120;

/** Small and fast; the same numbers for the same seed. */
function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

/** Every variant as it should be. */
const TRUTH = new Map<string, AdapterWeights>();
for (let number = 0; number < VARIANTS; number++) {
  const weights = await parsePeftAdapter(variant(number), { model: TINY_LLAMA, maxRank: 16 });
  TRUTH.set(weights.generation, weights);
}

/** What may go wrong in an operation at any time. */
const EXPECTED = new Set([
  "adapter_not_found",
  "generation_conflict",
  "origin_not_found",
  "origin_error",
  "connect_timeout",
  "bad_adapter",
  "memory_full",
  "sha256_mismatch",
]);

function allow(error: unknown): void {
  if (error instanceof Error && error.message === "gone") return;
  if (!(error instanceof WeftError)) throw error;
  assert.ok(EXPECTED.has(error.reason ?? error.code), `${error.reason}: ${error.message}`);
}

/** Drives a store with random operations that overlap, and checks what holds at every moment. */
class Trace {
  readonly #world: World;
  readonly #random: (below: number) => number;
  readonly #leases: AdapterLease[] = [];
  readonly #running = new Set<Promise<unknown>>();
  /** By URL: the generations that were good content there at some time. */
  readonly #served = new Map<string, Set<string>>();
  /** By name: where a put or a listing said that its content is. */
  readonly #origins = new Map(NAMES.map((name) => [name, new Set([`bucket:/${name}`])]));

  constructor(world: World, seed: number) {
    this.#world = world;
    this.#random = randomOf(seed);
  }

  async run(): Promise<void> {
    for (const url of URLS) this.#publish(url, false);
    for (let i = 0; i < STEPS; i++) {
      this.#step();
      if (this.#random(3) === 0) await turns(this.#random(4));
      if (this.#random(12) === 0) await this.#world.clock.pass(this.#random(70_000));
      await this.#check();
    }
    for (const url of URLS) this.#world.host.fail(url, null);
    await Promise.all(this.#running);
    for (const lease of this.#leases.splice(0)) lease.release();
    await turns(3);
    await this.#check();
    assert.equal(this.#world.store.stats().leases, 0);
  }

  #step(): void {
    const { store, host, gpu } = this.#world;
    const name = this.#pick(NAMES);
    const url = this.#pick(URLS);
    switch (this.#random(14)) {
      case 0:
      case 1:
      case 2:
      case 3:
        return this.#acquire(
          () => store.acquire(name, this.#maybeSignal()),
          this.#origins.get(name)!,
        );
      case 4:
        return this.#acquire(() => store.acquireUrl(url, this.#maybeSignal()), [url]);
      case 5:
      case 6:
        this.#leases.splice(this.#random(this.#leases.length), 1)[0]?.release();
        return;
      case 7:
      case 8:
        return this.#put(name, url);
      case 9:
        return this.#try(() => Promise.resolve(store.delete(name)));
      case 10:
        return this.#try(() => store.refresh(name, this.#maybeSignal()));
      case 11:
        if (this.#random(2) === 0) return this.#try(() => store.pin(name));
        return this.#try(() => Promise.resolve(store.unpin(name)));
      case 12:
        if (this.#random(3) === 0) {
          gpu.isFull = !gpu.isFull;
          if (this.#random(2) === 0) gpu.resident.clear();
        }
        return this.#try(() => store.refreshCatalogues());
      default:
        host.fail(url, this.#pick([null, null, "origin_error", "connect_timeout"]));
        return this.#publish(url, true);
    }
  }

  #publish(url: string, mayBeBad: boolean): void {
    const { host } = this.#world;
    const number = this.#random(VARIANTS);
    if (mayBeBad && this.#random(4) === 0) {
      host.put(url, badVariant(number));
      return;
    }
    host.put(url, variant(number));
    const served = this.#served.get(url) ?? new Set();
    this.#served.set(url, served.add([...TRUTH.keys()][number]));
  }

  /** With one put in three, only if the name stands for what it stands for now. */
  #put(name: string, url: string): void {
    const { store } = this.#world;
    const before = store.get(name);
    const isCas = this.#random(3) === 0;
    const expectedGeneration = isCas ? before?.generation ?? null : undefined;
    const pinned = this.#pick([undefined, undefined, true, false]);
    this.#try(() => {
      this.#origins.get(name)?.add(url);
      const put = store.startPut(name, { url, expectedGeneration, pinned });
      return put.done.then((info) => this.#checkPut(info, url));
    });
  }

  #checkPut({ generation }: AdapterInfo, url: string): void {
    // By now another may have moved it; the store tells what it stands for at this moment.
    assert.ok(generation === null || TRUTH.has(generation), `${url} was never good`);
  }

  #acquire(action: () => Promise<AdapterLease>, urls: Iterable<string>): void {
    this.#try(async () => {
      const lease = await action();
      this.#leases.push(lease);
      const truth = TRUTH.get(lease.generation);
      assert.ok(truth, "leased content is no variant");
      assert.deepEqual(lease.weights.modules, truth.modules);
      const isFromThere = [...urls].some((url) => this.#served.get(url)?.has(lease.generation));
      assert.ok(isFromThere, `what was leased was never at ${[...urls]}`);
    });
  }

  #try(action: () => Promise<unknown>): void {
    const running: Promise<unknown> = Promise.resolve().then(action).catch(allow)
      .finally(() => this.#running.delete(running));
    this.#running.add(running);
    // A failed expectation must fail the test even if nobody waits for this just now.
    running.catch((error) => this.#failures.push(error));
  }

  readonly #failures: unknown[] = [];

  async #check(): Promise<void> {
    if (this.#failures.length > 0) throw this.#failures[0];
    const { store, disk } = this.#world;
    store.checkIntegrity();
    const { ram } = store.stats();
    assert.ok(ram.bytes <= ram.maxBytes);
    assert.ok(disk.stats().bytes <= disk.stats().maxBytes);
    for (const lease of this.#leases) {
      assert.equal(await store.weightsOf(lease.generation), lease.weights);
    }
    for (const { generation, name } of store.list()) {
      assert.ok(generation === null || TRUTH.has(generation), `${name} stands for bad content`);
    }
  }

  #maybeSignal(): AbortSignal | undefined {
    if (this.#random(4) > 0) return undefined;
    const controller = new AbortController();
    const delay = this.#random(5);
    this.#try(() => turns(delay).then(() => controller.abort(new Error("gone"))));
    return controller.signal;
  }

  #pick<T>(values: readonly T[]): T {
    return values[this.#random(values.length)];
  }
}

for (const seed of [1, 2, 3, 4, 5, 6, 7, 8]) {
  Deno.test(`random use keeps every promise, seed ${seed}`, async () => {
    await withWorld({ maxBytes: 4 * BYTES, diskBytes: 5 * 13_500 }, async (world) => {
      await world.restart({ catalogues: [world.host.catalogue("bucket:")] });
      await new Trace(world, seed).run();
    });
  });
}

Deno.test("of puts that expect the same generation exactly one succeeds", async () => {
  await withWorld({}, async ({ host, store }) => {
    const random = randomOf(99);
    for (let number = 0; number < 32; number++) host.put(`https://host/${number}`, variant(number));
    let { generation } = await store.startPut("a", { url: "https://host/0" }).done;
    for (let round = 0; round < 10; round++) {
      const urls = Array.from({ length: 3 }, (_, i) => `https://host/${3 * round + i + 1}`);
      const expectedGeneration = generation;
      const puts = await Promise.allSettled(urls.map(async (url) => {
        await turns(random(8));
        const { generation } = await store.startPut("a", { url, expectedGeneration }).done;
        return generation;
      }));
      const won = puts.filter((put) => put.status === "fulfilled");
      assert.equal(won.length, 1);
      for (const put of puts) if (put.status === "rejected") allow(put.reason);
      generation = won[0].value;
      assert.equal(store.get("a")?.generation, generation);
    }
    assert.equal(store.stats().swaps, 10);
  });
});

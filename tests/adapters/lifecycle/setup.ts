import { join } from "node:path";
import {
  adapterError,
  type AdapterEvent,
  AdapterStore,
  type AdapterStoreOptions,
  type Clock,
  type GpuTier,
} from "../../../adapters/mod.ts";
import { DiskCache } from "../../../adapters/disk/mod.ts";
import type { AdapterFiles } from "../../../adapters/peft/mod.ts";
import { generationOf } from "../../../adapters/peft/mod.ts";
import { Registry } from "../../../adapters/registry/mod.ts";
import { readAdapter, TINY_LLAMA, withConfig } from "../fixtures.ts";
import { OriginHost } from "../origin_host.ts";

const BASE = await readAdapter("good/suffix_list");

/** What a variant takes in memory. */
export const BYTES = 3 * (512 + 384) * 4;

/** Good content, other for each number. */
export function variant(number: number): AdapterFiles {
  const weights = BASE.weights.slice();
  new DataView(weights.buffer).setFloat32(weights.length - 4, number, true);
  return { config: BASE.config, weights };
}

/** Content that is refused, other for each number. */
export function badVariant(number: number): AdapterFiles {
  return withConfig(variant(number), { use_dora: true });
}

export function generationOfVariant(number: number): Promise<string> {
  return generationOf(variant(number));
}

/** Time that passes only when told. */
export class TestClock implements Clock {
  #now = 1_700_000_000_000;
  readonly #sleepers = new Set<{ until: number; wake: () => void }>();

  now(): number {
    return this.#now;
  }

  /** As when the machine's clock is corrected; who sleeps sleeps on. */
  setBack(ms: number): void {
    this.#now -= ms;
    for (const sleeper of this.#sleepers) sleeper.until -= ms;
  }

  get sleepers(): number {
    return this.#sleepers.size;
  }

  sleep(ms: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const sleeper = { until: this.#now + ms, wake: resolve };
    this.#sleepers.add(sleeper);
    signal.addEventListener("abort", () => {
      this.#sleepers.delete(sleeper);
      reject(signal.reason);
    }, { once: true });
    return promise;
  }

  async pass(ms: number): Promise<void> {
    this.#now += ms;
    for (const sleeper of this.#sleepers) {
      if (sleeper.until > this.#now) continue;
      this.#sleepers.delete(sleeper);
      sleeper.wake();
    }
    await turns();
  }
}

/** Lets everything go on that waits for nothing but the disk. */
export async function turns(count = 8): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Waits for a condition, however busy the machine is; a condition that never comes is a failure. */
export async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; !condition(); i++) {
    if (i > 3000) throw new Error(`never came true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** A GPU that fetches weights as the engine does. */
export class TestGpu implements GpuTier {
  readonly resident = new Set<string>();
  readonly holds: string[] = [];
  /** Of what is pinned. */
  isFull = false;
  /** With requests: whoever wants to hold something waits. */
  isBusy = false;
  load: (generation: string) => Promise<unknown> = () => Promise.resolve();
  gate: Promise<void> = Promise.resolve();

  has(generation: string): boolean {
    return this.resident.has(generation);
  }

  async hold(generation: string, signal?: AbortSignal) {
    if (this.isFull) throw adapterError("memory_full", "pinned adapters fill the GPU");
    if (this.isBusy) await aborted(signal);
    await this.gate;
    signal?.throwIfAborted();
    await this.load(generation);
    this.resident.add(generation);
    this.holds.push(generation);
    let isHeld = true;
    const release = () => {
      if (isHeld) this.holds.splice(this.holds.indexOf(generation), 1);
      isHeld = false;
    };
    return { release };
  }
}

function aborted(signal?: AbortSignal): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  signal?.addEventListener("abort", () => reject(signal.reason), { once: true });
  return promise;
}

export interface World {
  host: OriginHost;
  clock: TestClock;
  gpu: TestGpu;
  events: AdapterEvent[];
  directory: string;
  store: AdapterStore;
  disk: DiskCache;
  registry: Registry;
  /** Ends the process' parts and begins anew on the same disk. */
  restart(options?: Partial<AdapterStoreOptions>): Promise<void>;
  /** The kinds of what happened, since the last call. */
  happened(): string[];
}

/** A store over real disk cache and registry, an origin in memory and a clock that is turned. */
export async function withWorld(
  options: Partial<AdapterStoreOptions> & { diskBytes?: number },
  test: (world: World) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir();
  const { diskBytes = 1 << 20, ...own } = options;
  const host = new OriginHost();
  const clock = new TestClock();
  const events: AdapterEvent[] = [];
  const world = { host, clock, events, directory, gpu: new TestGpu() } as World;
  let seen = 0;
  world.happened = () => events.slice(seen, seen = events.length).map(({ kind }) => kind);
  const open = async (more: Partial<AdapterStoreOptions>) => {
    world.disk = await DiskCache.open({ directory: join(directory, "disk"), maxBytes: diskBytes });
    world.registry = Registry.open(join(directory, "registry.db"));
    world.gpu = new TestGpu();
    world.gpu.load = (generation) => world.store.weightsOf(generation);
    const { disk, registry, gpu } = world;
    const places = { catalogues: own.catalogues };
    world.store = await AdapterStore.open({
      model: TINY_LLAMA,
      maxRank: 16,
      maxBytes: 1 << 20,
      origins: host,
      disk,
      registry,
      gpu,
      clock,
      onEvent: (event) => events.push(event),
      ...places,
      ...own,
      ...more,
    });
  };
  const end = async () => {
    await world.store.close();
    world.store.checkIntegrity();
    await world.disk.checkIntegrity();
    world.registry.close();
  };
  world.restart = async (more = {}) => {
    await end();
    await open(more);
  };
  try {
    await open({});
    await test(world);
    await end();
  } finally {
    world.registry?.close();
    await world.store?.close();
    await Deno.remove(directory, { recursive: true });
  }
}

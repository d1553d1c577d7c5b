import { AdapterStore, type AdapterWorld } from "../../adapters/mod.ts";
import { digestsOf, WEIGHTS_FILE } from "../../adapters/peft/mod.ts";
import type { ModelConfig } from "../../engine/core/model_config.ts";
import { readModelConfig } from "../../engine/mod.ts";
import { DEMO } from "../demo_model.ts";
import { Shared } from "../engine/shared.ts";
import type { SeriesGroup } from "../series.ts";
import { Origin } from "./origin.ts";
import { StateDir } from "./state_dir.ts";
import type { Subject } from "./subject.ts";
import { openBenchWorld } from "./world.ts";

const BLOB_BYTES = 64 * 2 ** 20;
const SMALL_ONES = 200;
const AT_ONCE = 4;

interface Opened {
  origin: Origin;
  world: AdapterWorld;
  model: ModelConfig;
  state: StateDir;
}

/** How fast content comes from an origin on this machine, into this process. */
export function fetchGroup({ adapter }: Subject): SeriesGroup {
  const opened = new Shared(() => open(adapter), close);
  const rate = (amount: number, fetchAll: (opened: Opened) => Promise<void>) => async () => {
    const all = await opened.get();
    const start = performance.now();
    await fetchAll(all);
    return amount / ((performance.now() - start) / 1000);
  };
  return {
    name: "adapters",
    title: "Adapters fetched from an origin on this machine",
    series: [
      { name: "fetch/plain", unit: "MB/s", round: rate(BLOB_BYTES / 1e6, fetchAway) },
      { name: "fetch/checked", unit: "MB/s", round: rate(BLOB_BYTES / 1e6, fetchAndKeep) },
      {
        name: "fetch/adapters",
        unit: "adapters/s",
        round: rate(SMALL_ONES, (opened) => fetchMany(opened, adapter)),
      },
    ],
    close: () => opened.close(),
  };
}

async function open(adapter: string): Promise<Opened> {
  const model = await readModelConfig(DEMO);
  const origin = await Origin.start({ adapters: [adapter], blobBytes: BLOB_BYTES });
  const state = new StateDir();
  return { origin, model, state, world: await openBenchWorld(state.path, [origin.host]) };
}

async function close({ origin, world, state }: Opened): Promise<void> {
  await world[Symbol.asyncDispose]();
  state[Symbol.dispose]();
  origin[Symbol.dispose]();
}

/** By plain `fetch`, to nowhere. */
async function fetchAway({ origin }: Opened): Promise<void> {
  const { body } = await fetch(`${origin.next("blob")}/${WEIGHTS_FILE}`);
  let bytes = 0;
  for await (const chunk of body!) bytes += chunk.byteLength;
  if (bytes !== BLOB_BYTES) throw new Error(`${bytes} bytes came`);
}

/** As a store fetches an adapter, hashed and flushed to the disk, but for the look into it: it is none. */
async function fetchAndKeep({ world: { origins, disk }, origin }: Opened): Promise<void> {
  const source = origins.adapter(origin.next("blob"));
  const staged = await disk.stage();
  const { signal } = new AbortController();
  const content = await source.read({ staging: staged.path, signal });
  const { generation } = await digestsOf(content!.files);
  await staged.keep(generation);
  await disk.remove(generation);
}

/** Small adapters, some at once, checked, into memory and onto the disk. */
async function fetchMany(
  { world: { origins, disk }, origin, model }: Opened,
  adapter: string,
): Promise<void> {
  const store = await AdapterStore.open({
    origins,
    disk,
    model,
    maxRank: 64,
    maxBytes: 2 ** 30,
    maxConcurrentFetches: AT_ONCE,
  });
  try {
    await Promise.all(Array.from({ length: SMALL_ONES }, async () => {
      using lease = await store.acquireUrl(origin.next(adapter));
      if (lease.level !== "origin") throw new Error(`${lease.name} was in ${lease.level}`);
    }));
  } finally {
    await store.close();
  }
}

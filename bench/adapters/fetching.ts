import { AdapterStore, type AdapterWorld } from "../../adapters/mod.ts";
import { digestsOf, WEIGHTS_FILE } from "../../adapters/peft/mod.ts";
import type { ModelConfig } from "../../engine/core/model_config.ts";
import { type Figure, spread } from "../measure.ts";
import type { Origin } from "./origin.ts";
import { StateDir } from "./state_dir.ts";
import { openBenchWorld } from "./world.ts";

export const BLOB_BYTES = 64 * 2 ** 20;
const ROUNDS = 5;
const SMALL_ONES = 200;
const AT_ONCE = 4;

interface FetchingOptions {
  /** A small one of the origin's. */
  adapter: string;
  model: ModelConfig;
}

/** How fast content comes from an origin on this machine, into this process. */
export async function measureFetching(
  origin: Origin,
  { adapter, model }: FetchingOptions,
): Promise<Figure[]> {
  using state = new StateDir();
  await using world = await openBenchWorld(state.path, [origin.host]);
  const plain: number[] = [];
  const kept: number[] = [];
  const small: number[] = [];
  for (let round = 0; round <= ROUNDS; round++) {
    const rates = [
      BLOB_BYTES / 1e6 / await secondsOf(() => fetchAway(origin)),
      BLOB_BYTES / 1e6 / await secondsOf(() => fetchAndKeep(world, origin)),
      SMALL_ONES / await secondsOf(() => fetchMany(world, { origin, adapter, model })),
    ];
    // The first round connects and compiles.
    if (round > 0) [plain, kept, small].forEach((all, i) => all.push(rates[i]));
  }
  return [
    { what: "64 MiB by plain fetch, to nowhere", value: spread(plain, "MB/s") },
    {
      what: "64 MiB of tensors, fetched, hashed and flushed to the disk",
      value: spread(kept, "MB/s"),
    },
    {
      what: `${SMALL_ONES} small adapters, ${AT_ONCE} at once, into memory and onto the disk`,
      value: spread(small, "adapters/s"),
    },
  ];
}

async function fetchAway(origin: Origin): Promise<void> {
  const { body } = await fetch(`${origin.next("blob")}/${WEIGHTS_FILE}`);
  let bytes = 0;
  for await (const chunk of body!) bytes += chunk.byteLength;
  if (bytes !== BLOB_BYTES) throw new Error(`${bytes} bytes came`);
}

/** As a store fetches an adapter, but for the look into it: it is none. */
async function fetchAndKeep({ origins, disk }: AdapterWorld, origin: Origin): Promise<void> {
  const source = origins.adapter(origin.next("blob"));
  const staged = await disk.stage();
  const { signal } = new AbortController();
  const content = await source.read({ staging: staged.path, signal });
  const { generation } = await digestsOf(content!.files);
  await staged.keep(generation);
  await disk.remove(generation);
}

async function fetchMany(
  { origins, disk }: AdapterWorld,
  { origin, adapter, model }: FetchingOptions & { origin: Origin },
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

async function secondsOf(run: () => Promise<void>): Promise<number> {
  const start = performance.now();
  await run();
  return (performance.now() - start) / 1000;
}

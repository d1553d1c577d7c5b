/**
 * 2,000 adapters in a bucket, room on the GPU for 16: requests that prefer some over others are served from every
 * tier, memory stays flat, the books balance, and a restart knows all names at once.
 */
import assert from "node:assert/strict";
import { AdapterStore, type AdapterWorld, openAdapterWorld } from "../../adapters/mod.ts";
import type { Engine } from "../../engine/core/engine.ts";
import { GREEDY } from "../../engine/core/generation.ts";
import { readModelConfig, startEngine } from "../../engine/mod.ts";
import { type S3Service, startS3 } from "../services/s3.ts";
import { demoContents } from "./adapter_origin.ts";
import { stepsOf } from "./server_process.ts";

const MODEL = "models/demo";
const BUCKET = "adapters";
const ADAPTERS = 2000;
const GPU_ROOM = 16;
const MIB = 2 ** 20;
/** Room for some 60 of the 2,000 in memory, and for some 450 on the disk. */
const MEMORY_BYTES = 10 * MIB;
const DISK_BYTES = 20 * MIB;
const REQUESTS = 1600;
/** By then every tier is full. */
const WARM_UP = 800;
const WORKERS = 12;
const MAX_REGISTRY_MS = 1000;
/** Of the resident set, from warm-up to the end. */
const MAX_GROWTH = 1.15;

Deno.test("2,000 adapters share room for 16 on the GPU, without a leak", async (t) => {
  const step = stepsOf(t);
  const stateDir = await Deno.makeTempDir();
  const s3 = await startS3();
  try {
    await step("the bucket is filled", () => fill(s3));
    await step("Zipf's requests are served, memory stays flat, the books balance", async () => {
      await using served = await open(s3, stateDir);
      assert.equal(served.store.list().length, ADAPTERS);
      await serveZipf(served);
    });
    await s3.stop();
    await step("a restart without the bucket knows all of them", () => restart(s3, stateDir));
  } finally {
    await s3.stop();
    await Deno.remove(stateDir, { recursive: true });
  }
});

interface Served extends AsyncDisposable {
  store: AdapterStore;
  engine: Engine;
}

/** Small adapters that differ in one number. */
async function fill(s3: S3Service): Promise<void> {
  const { config, weights } = demoContents().get("antonyms")!;
  await s3.createBucket(BUCKET);
  await Promise.all(Array.from({ length: WORKERS }, async (_, worker) => {
    for (let i = worker; i < ADAPTERS; i += WORKERS) {
      const own = weights.slice();
      // The last of its f16 numbers: tiny, and another for each.
      new DataView(own.buffer).setUint16(own.length - 2, i, true);
      await s3.put(BUCKET, `fleet/${nameOf(i)}/adapter_model.safetensors`, own);
      await s3.put(BUCKET, `fleet/${nameOf(i)}/adapter_config.json`, config);
    }
  }));
}

function nameOf(i: number): string {
  return `adapter-${String(i).padStart(4, "0")}`;
}

function openWorld(s3: S3Service, stateDir: string): Promise<AdapterWorld> {
  const variables: Record<string, string> = {
    AWS_ENDPOINT_URL_S3: s3.endpoint,
    AWS_REGION: s3.region,
    AWS_ACCESS_KEY_ID: s3.accessKeyId,
    AWS_SECRET_ACCESS_KEY: s3.secretAccessKey,
  };
  return openAdapterWorld({
    stateDir,
    diskBytes: DISK_BYTES,
    places: [`s3://${BUCKET}/fleet/`],
    manifest: null,
    router: null,
    fileRoots: [],
    allowedHosts: [],
    allowedNetworks: [],
    allowInsecureLoopback: true,
    maxDownloadBytes: MIB,
    downloadTimeoutMs: 60_000,
    bytesPerSecond: null,
    hub: { endpoint: "https://hub.invalid" },
    objectStorage: null,
    env: (name) => variables[name],
    onCorrupt(generation) {
      throw new Error(`${generation} was found corrupt on the disk`);
    },
  });
}

async function open(s3: S3Service, stateDir: string): Promise<Served> {
  await using stack = new AsyncDisposableStack();
  const world = stack.use(await openWorld(s3, stateDir));
  const engine = await startEngine({
    modelDirectory: MODEL,
    maxAdapters: GPU_ROOM,
    loadAdapter: (generation) => store.weightsOf(generation),
  });
  stack.defer(() => engine.close());
  const store = await AdapterStore.open({
    ...storesOf(world),
    model: engine.info.model,
    maxRank: engine.info.maxLoraRank,
    maxBytes: MEMORY_BYTES,
    gpu: {
      has: (generation) => engine.stats().residentAdapters.includes(generation),
      hold: (generation, signal) => engine.holdAdapter(generation, signal),
    },
  });
  stack.defer(() => store.close());
  const opened = stack.move();
  return { store, engine, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

function storesOf({ origins, catalogues, disk, registry }: AdapterWorld) {
  return { origins, catalogues, disk, registry };
}

async function serveZipf({ store, engine }: Served): Promise<void> {
  const draw = zipf(ADAPTERS, 1.1);
  let next = 0;
  let atWarmUp = 0;
  let peak = 0;
  const failures: Error[] = [];
  await Promise.all(Array.from({ length: WORKERS }, async () => {
    while (next < REQUESTS) {
      const i = next++;
      await ask(store, engine, nameOf(draw())).catch((error) => failures.push(error));
      if (i % 100 !== 99) continue;
      store.checkIntegrity();
      const { rss } = Deno.memoryUsage();
      if (i < WARM_UP) atWarmUp = Math.max(atWarmUp, rss);
      else peak = Math.max(peak, rss);
    }
  }));
  assert.deepEqual(failures, []);
  await engine.checkIntegrity();
  store.checkIntegrity();

  const { ram, disk, leases, fetches, levels } = store.stats();
  const { adapterHits, adapterMisses, pinnedAdapters, residentAdapters } = engine.stats();
  assert.equal(leases, 0);
  assert.deepEqual(pinnedAdapters, []);
  assert.equal(residentAdapters.length, GPU_ROOM);
  assert.ok(ram.bytes <= MEMORY_BYTES && disk.bytes <= DISK_BYTES);
  const rate = (hits: number, misses: number) => `${(100 * hits / (hits + misses)).toFixed(0)} %`;
  console.log(
    `      hits: GPU ${rate(adapterHits, adapterMisses)}, memory ${rate(ram.hits, ram.misses)}, ` +
      `disk ${rate(disk.hits, disk.misses)}; ${fetches} fetches for ${REQUESTS} requests; ` +
      `evicted ${ram.evictions} from memory, ${disk.evictions} from disk; ` +
      `levels ${JSON.stringify(levels)}; resident set ${(atWarmUp / MIB).toFixed(0)} MiB after ` +
      `warm-up, ${(peak / MIB).toFixed(0)} MiB at most since`,
  );
  assert.ok(peak <= atWarmUp * MAX_GROWTH, `memory grew from ${atWarmUp} to ${peak} bytes`);
  for (const { hits, misses, evictions } of [ram, disk]) assert.ok(hits && misses && evictions);
}

async function ask(store: AdapterStore, engine: Engine, name: string): Promise<void> {
  using lease = await store.acquire(name);
  const request = {
    id: crypto.randomUUID(),
    promptTokens: Uint32Array.of(17, 23, 42, 99),
    maxTokens: 4,
    mixture: [{ generation: lease.generation, weight: 1 }],
    sampling: GREEDY,
    stopTokens: [],
    pauseTokens: [],
  };
  let tokens = 0;
  for await (const event of engine.generate(request, new AbortController().signal)) {
    if (event.kind === "tokens") tokens += event.tokens.length;
  }
  assert.equal(tokens, request.maxTokens);
}

/** Draws 0…n−1, the i-th with a chance of 1/(i+1)^s; the same draws each time. */
function zipf(n: number, s: number): () => number {
  let total = 0;
  const sums = Array.from({ length: n }, (_, i) => total += (i + 1) ** -s);
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    const at = state / 2 ** 32 * total;
    return sums.findIndex((sum) => at < sum);
  };
}

async function restart(s3: S3Service, stateDir: string): Promise<void> {
  const model = await readModelConfig(MODEL);
  const started = performance.now();
  await using world = await openWorld(s3, stateDir);
  const store = await AdapterStore.open({
    ...storesOf(world),
    model,
    maxRank: 64,
    maxBytes: MEMORY_BYTES,
  });
  const took = performance.now() - started;
  try {
    console.log(`      a restart knew ${store.list().length} adapters after ${took.toFixed(0)} ms`);
    assert.equal(store.list().length, ADAPTERS);
    assert.ok(took < MAX_REGISTRY_MS, `it took ${took} ms`);
    const onDisk = store.list().filter(({ level }) => level === "disk");
    assert.ok(onDisk.length > 100, `${onDisk.length} adapters are on the disk`);
    for (const { name, generation } of onDisk.slice(0, 10)) {
      using lease = await store.acquire(name);
      assert.equal(lease.generation, generation);
    }
  } finally {
    await store.close();
  }
}

import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type AdapterLease, type AdapterStore, openLocalStore } from "../../adapters/mod.ts";
import type { Engine } from "../../engine/core/engine.ts";
import { readModelConfig } from "../../engine/mod.ts";
import type { BenchContext } from "../context.ts";
import { runBatch } from "../engine/batch.ts";
import { openEngine } from "../engine/open_engine.ts";
import { Shared } from "../engine/shared.ts";
import type { SeriesGroup } from "../series.ts";
import { DEMO } from "../demo_model.ts";

/** Rank 8 on q and v, as most of the demo's have. */
const ADAPTER = "navigation";
const DIRECTORY = ".weft/bench/registered";
const REGISTERED = 1000;
const BATCH = 8;
const PROMPT_TOKENS = 16;
const MIB = 2 ** 20;

interface Opened {
  engine: Engine;
  store: AdapterStore;
  generation: string;
  release(): void;
}

/**
 * Whether adapters that wait cost those that work anything: eight rows of one adapter, beside which so
 * many others are on the GPU and 1,000 are known by name.
 */
export function residentGroup(context: BenchContext): SeriesGroup {
  // A pool for 1,000 has 16 rank rows a place, and a software driver's memory is the host's.
  const all = [1, 10, 100, 1000];
  const counts = context.isQuick ? [1, 100] : all;
  const folder = new Shared(() => fill(), () => rm(DIRECTORY, { recursive: true }));
  const places = Math.max(...counts);
  const opened = counts.map((resident) => ({
    resident,
    shared: new Shared(
      async () => await open({ resident, places, names: await folder.get() }),
      close,
    ),
  }));
  const answerTokens = context.isSoftware ? (context.isQuick ? 33 : 65) : 128;
  return {
    name: "resident",
    title: `Adapters that wait, demo pack, ${BATCH} rows of one adapter`,
    series: opened.map(({ resident, shared }) => ({
      name: `decode/resident=${resident}`,
      unit: "tokens/s",
      round: async () => {
        const { engine, generation } = await shared.get();
        const mixture = () => [{ generation, weight: 1 }];
        const run = { batch: BATCH, mixture, promptTokens: PROMPT_TOKENS, answerTokens };
        return (await runBatch(engine, run)).rate;
      },
    })),
    ratios: counts.slice(1).map((resident) => ({
      name: `step time, ${resident} resident (${REGISTERED} registered) over 1`,
      over: "decode/resident=1",
      under: `decode/resident=${resident}`,
    })),
    skipped: all.filter((count) => !counts.includes(count)).map((count) => ({
      name: `decode/resident=${count}`,
      why: "--quick",
    })),
    close: async () => {
      for (const { shared } of opened) await shared.close();
      await folder.close();
    },
  };
}

/** A thousand copies of an adapter that differ in their tensors' last byte, so that each has content of its own. */
async function fill(): Promise<string[]> {
  await rm(DIRECTORY, { recursive: true, force: true });
  await mkdir(DIRECTORY, { recursive: true });
  const names = Array.from({ length: REGISTERED }, (_, i) => `adapter-${i}`);
  const source = join(DEMO, "adapters", ADAPTER);
  for (const [i, name] of names.entries()) {
    const target = join(DIRECTORY, name);
    await cp(source, target, { recursive: true });
    const path = join(target, "adapter_model.safetensors");
    const bytes = await Deno.readFile(path);
    // The lowest bits of the last two values.
    bytes[bytes.length - 2] = i % 256;
    bytes[bytes.length - 4] = Math.floor(i / 256);
    await Deno.writeFile(path, bytes);
  }
  return names;
}

/** With one resident, one is registered: the other counts are held against that. */
async function open(
  { resident, places, names }: { resident: number; places: number; names: readonly string[] },
): Promise<Opened> {
  const store = await openLocalStore({
    paths: resident === 1 ? [join(DIRECTORY, names[0])] : [DIRECTORY],
    model: await readModelConfig(DEMO),
    maxRank: 64,
    maxBytes: 512 * MIB,
  });
  const leases: AdapterLease[] = [];
  for (const name of names.slice(0, resident)) leases.push(await store.acquire(name));
  const engine = await openEngine({
    modelDirectory: DEMO,
    maxBatch: BATCH,
    maxAdapters: places,
    loadAdapter: (generation) => store.weightsOf(generation),
  });
  const generations = leases.map(({ generation }) => generation);
  for (let at = 0; at < generations.length; at += BATCH) {
    const some = generations.slice(at, at + BATCH);
    await runBatch(engine, {
      batch: some.length,
      mixture: (i) => [{ generation: some[i], weight: 1 }],
      promptTokens: PROMPT_TOKENS,
      answerTokens: 1,
    });
  }
  const there = engine.stats().residentAdapters.length;
  if (there !== resident) throw new Error(`${there} adapters are on the GPU, not ${resident}`);
  const release = () => leases.forEach((lease) => lease.release());
  return { engine, store, generation: generations[0], release };
}

async function close({ engine, store, release }: Opened): Promise<void> {
  await engine.close();
  release();
  await store.close();
}

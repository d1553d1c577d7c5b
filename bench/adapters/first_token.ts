import type { AdapterLevel } from "../../adapters/mod.ts";
import { type Figure, format, percentiles } from "../measure.ts";
import { generate, openSubject, type Origin, type Variants } from "./subject.ts";

const ROUNDS = 12;
const LEVELS: readonly AdapterLevel[] = ["origin", "disk", "ram", "gpu"];
const NAMES: Record<AdapterLevel, string> = {
  origin: "cold",
  disk: "from disk",
  ram: "from memory",
  gpu: "on the GPU",
};

/** From a URL to its first token, with the adapter found at each level. */
export async function measureFirstToken(
  origin: Origin,
  { label, variants }: { label: string; variants: Variants },
): Promise<Figure[]> {
  // One place on the GPU and two in memory, so that others push it down level by level.
  const probe = await memoryOf(origin, variants);
  await using subject = await openSubject({ maxAdapters: 1, memoryBytes: 2.5 * probe });
  const { store, engine } = subject;
  const times = new Map<AdapterLevel, number[]>(LEVELS.map((level) => [level, []]));

  async function ask(url: string, expected?: AdapterLevel): Promise<void> {
    const start = performance.now();
    let first = 0;
    using lease = await store.acquireUrl(url);
    const { generation, level } = lease;
    await generate(engine, {
      generation,
      tokens: 2,
      onTokens: () => first ||= performance.now() - start,
    });
    if (expected === undefined) return;
    if (level !== expected) throw new Error(`expected ${url} at ${expected}, found it at ${level}`);
    times.get(level)!.push(first);
  }

  const folders = [0, 1].map((i) => `/other-${label}-${i}`);
  for (const folder of folders) await origin.place(variants.next(folder));
  const others = folders.map((folder) => origin.url(folder));
  for (let round = 0; round <= ROUNDS; round++) {
    const folder = `/subject-${label}-${round}`;
    await origin.place(variants.next(folder));
    const url = origin.url(folder);
    await ask(url, "origin");
    await ask(url, "gpu");
    await ask(others[0]);
    await ask(url, "ram");
    for (const other of others) await ask(other);
    await ask(url, "disk");
    // The first round compiles and opens connections.
    if (round === 0) { for (const level of LEVELS) times.set(level, []); }
  }
  return LEVELS.map((level) => {
    const all = times.get(level)!;
    const spread = `${format(Math.min(...all), "")}to ${format(Math.max(...all), "")}`.trim();
    return {
      what: `URL to first token, ${label}, ${NAMES[level]}`,
      value: `${format(percentiles(all).p50, "ms")} (${spread})`,
    };
  });
}

/** What one variant takes in memory. */
async function memoryOf(origin: Origin, variants: Variants): Promise<number> {
  await origin.place(variants.next("/probe"));
  await using subject = await openSubject({ memoryBytes: 2 ** 30 });
  using _lease = await subject.store.acquireUrl(origin.url("/probe"));
  return subject.store.stats().ram.bytes;
}

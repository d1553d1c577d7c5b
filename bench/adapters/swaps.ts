import { type Figure, format, percentiles, spread } from "../measure.ts";
import { Gaps, type Span } from "./gaps.ts";
import type { Origin } from "./origin.ts";
import { BenchServer } from "./server.ts";
import type { Subject } from "./subject.ts";

const STREAMS = 8;
/** Room beside the adapters of the streams for one that is swapped or pinned, and what it replaces. */
const ON_GPU = STREAMS + 2;
const BLOCKS = 3;
const PAIRS = 6;
/** Long streams, as a new one's prefill is a gap for the others. */
const STREAM_TOKENS = 1900;
/** Between a span in which something is done and the quiet one after it: longer than a gap. */
const REST_MS = 120;

/** Something that happens beside running streams. */
interface Change {
  what: string;
  prepare?(): Promise<void>;
  run(): Promise<void>;
}

/** A change, and as long a time without any. */
interface Pair {
  during: number[];
  quiet: number[];
  ms: number;
}

/** What swaps and uploads cost eight streams, each with a small adapter of its own. */
export async function measureSwaps(
  origin: Origin,
  subjects: readonly Subject[],
): Promise<Figure[]> {
  await using server = await BenchServer.start([
    ...origin.flags,
    "--max-adapters",
    String(ON_GPU),
  ]);
  const [{ adapter }] = subjects;
  for (let i = 0; i < STREAMS; i++) await server.put(`stream-${i}`, origin.next(adapter));
  const changes = [
    ...subjects.map((subject) => swap(server, { origin, subject })),
    upload(server, { origin, subject: subjects.at(-1)! }),
  ];
  const pairs = changes.map(() => [] as Pair[]);
  for (let block = 0; block < BLOCKS; block++) {
    for (const [i, change] of changes.entries()) {
      await change.prepare?.();
      pairs[i].push(...await besideStreams(server, change));
    }
  }
  return changes.flatMap(({ what }, i) => figuresOf(what, pairs[i]));
}

/** A name that isn't used, but is on the GPU, moves to content that nobody has seen. */
function swap(
  server: BenchServer,
  { origin, subject: { adapter, label } }: { origin: Origin; subject: Subject },
): Change {
  const name = `swapped-${adapter}`;
  return {
    what: `a swap by PUT, ${label}`,
    async prepare() {
      await server.put(name, origin.next(adapter));
      await server.call("POST", `/v1/adapters/${name}/pin`);
      await server.call("POST", `/v1/adapters/${name}/unpin`);
    },
    async run() {
      const { level } = await server.put(name, origin.next(adapter));
      if (level !== "gpu") throw new Error(`${name} was swapped to content in ${level}`);
    },
  };
}

/** One of a few adapters in memory, of which not all fit on the GPU, is brought there. */
function upload(
  server: BenchServer,
  { origin, subject: { adapter, label } }: { origin: Origin; subject: Subject },
): Change {
  const names = Array.from({ length: ON_GPU - STREAMS + 1 }, (_, i) => `pinned-${adapter}-${i}`);
  let turn = 0;
  return {
    what: `an upload from memory, ${label}`,
    async prepare() {
      for (const name of names) await server.put(name, origin.next(adapter));
    },
    async run() {
      const path = `/v1/adapters/${names[turn++ % names.length]}`;
      const { level } = await server.call("POST", `${path}/pin`);
      if (level !== "gpu") throw new Error(`${path} is in ${level}`);
      await server.call("POST", `${path}/unpin`);
    },
  };
}

async function besideStreams(server: BenchServer, change: Change): Promise<Pair[]> {
  const stop = new AbortController();
  const gaps = new Gaps();
  const streams = Array.from({ length: STREAMS }, async (_, i) => {
    const fields = { max_tokens: STREAM_TOKENS, lora: [{ id: `stream-${i}` }] };
    while (!stop.signal.aborted) await gaps.follow(server.stream(fields), stop.signal);
  });
  const spans = measurePairs(change).finally(() => stop.abort());
  await Promise.all([spans, ...streams]);
  return (await spans).map(({ during, quiet }) => ({
    during: gaps.within(during),
    quiet: gaps.within(quiet),
    ms: during.to - during.from,
  }));
}

async function measurePairs({ run }: Change): Promise<{ during: Span; quiet: Span }[]> {
  const pairs: { during: Span; quiet: Span }[] = [];
  await pause(1000);
  for (let i = 0; i < PAIRS; i++) {
    const from = performance.now();
    await run();
    const to = performance.now();
    await pause(REST_MS);
    const quietFrom = performance.now();
    await pause(to - from);
    pairs.push({ during: { from, to }, quiet: { from: quietFrom, to: performance.now() } });
    await pause(REST_MS);
  }
  return pairs;
}

function figuresOf(what: string, pairs: readonly Pair[]): Figure[] {
  const took = pairs.map(({ ms }) => ms);
  const stalls = pairs.map(({ during, quiet }) => longest(during) - longest(quiet));
  return [
    { what: `${what}, beside ${STREAMS} streams`, value: spread(took, "ms") },
    { what: "gap between a stream's chunks meanwhile", value: gaps(pairs, "during") },
    { what: "the same in as long a time without", value: gaps(pairs, "quiet") },
    { what: "stall: the longest gap less the longest without", value: spread(stalls, "ms") },
  ];
}

function gaps(pairs: readonly Pair[], which: "during" | "quiet"): string {
  const { p50, p99 } = percentiles(pairs.flatMap((pair) => pair[which]));
  return `${format(p50, "ms")}, p99 ${format(p99, "ms")}`;
}

function longest(gaps: readonly number[]): number {
  return Math.max(0, ...gaps);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

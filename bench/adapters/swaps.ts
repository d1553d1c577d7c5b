import type { BenchContext } from "../context.ts";
import { Shared } from "../engine/shared.ts";
import { percentiles } from "../measure.ts";
import type { Reading, SeriesGroup } from "../series.ts";
import { median } from "../statistics.ts";
import { Gaps, type Span } from "./gaps.ts";
import { Origin } from "./origin.ts";
import { BenchServer } from "./server.ts";
import type { Subject } from "./subject.ts";

const STREAMS = 8;
/** Room beside the adapters of the streams for one that is swapped or pinned, and what it replaces. */
const ON_GPU = STREAMS + 2;
/** Spans with a change and quiet ones, of a round. */
const PAIRS = 4;
const QUICK_PAIRS = 2;
/** Long streams, as a new one's prefill is a gap for the others. */
const STREAM_TOKENS = 1900;
/** Until the streams run. */
const SETTLE_MS = 1000;
/** Between a span in which something is done and the quiet one after it: longer than a gap. */
const REST_MS = 120;

interface Opened {
  server: BenchServer;
  origin: Origin;
}

/** Something that happens beside running streams. */
interface Change {
  name: string;
  prepare(): Promise<void>;
  run(): Promise<void>;
}

/** A change, and as long a time without any. Gaps between a stream's chunks, and times, in milliseconds. */
interface Pair {
  during: number[];
  quiet: number[];
  ms: number;
}

/** What swaps and uploads cost eight streams, each with a small adapter of its own. */
export function swapGroup(
  { isQuick }: BenchContext,
  subjects: readonly Subject[],
): SeriesGroup {
  const opened = new Shared(() => open(subjects), close);
  const large = subjects.at(-1)!;
  const all = [...subjects.map((subject) => swap(opened, subject)), upload(opened, large)];
  const changes = isQuick ? all.filter(({ name }) => name === `swap/${large.name}`) : all;
  return {
    name: "adapters",
    title: `Adapters that change beside ${STREAMS} streams, demo pack over HTTP`,
    series: changes.map((change) => ({
      name: change.name,
      unit: "ms",
      round: async () => {
        await change.prepare();
        const pairs = isQuick ? QUICK_PAIRS : PAIRS;
        return reading(await besideStreams((await opened.get()).server, { change, pairs }));
      },
    })),
    skipped: all.filter((change) => !changes.includes(change))
      .map(({ name }) => ({ name, why: "--quick" })),
    close: () => opened.close(),
  };
}

async function open(subjects: readonly Subject[]): Promise<Opened> {
  const adapters = subjects.map(({ adapter }) => adapter);
  const origin = await Origin.start({ adapters, blobBytes: 0 });
  const server = await BenchServer.start([...origin.flags, "--max-adapters", String(ON_GPU)]);
  for (let i = 0; i < STREAMS; i++) await server.put(`stream-${i}`, origin.next(adapters[0]));
  return { server, origin };
}

async function close({ server, origin }: Opened): Promise<void> {
  await server[Symbol.asyncDispose]();
  origin[Symbol.dispose]();
}

/** A name that isn't used, but is on the GPU, moves to content that nobody has seen. */
function swap(opened: Shared<Opened>, { name: size, adapter }: Subject): Change {
  const name = `swapped-${adapter}`;
  return {
    name: `swap/${size}`,
    async prepare() {
      const { server, origin } = await opened.get();
      await server.put(name, origin.next(adapter));
      await server.call("POST", `/v1/adapters/${name}/pin`);
      await server.call("POST", `/v1/adapters/${name}/unpin`);
    },
    async run() {
      const { server, origin } = await opened.get();
      const { level } = await server.put(name, origin.next(adapter));
      if (level !== "gpu") throw new Error(`${name} was swapped to content in ${level}`);
    },
  };
}

/** One of a few adapters in memory, of which not all fit on the GPU, is brought there. */
function upload(opened: Shared<Opened>, { name: size, adapter }: Subject): Change {
  const names = Array.from({ length: ON_GPU - STREAMS + 1 }, (_, i) => `pinned-${adapter}-${i}`);
  let turn = 0;
  return {
    name: `upload/${size}`,
    async prepare() {
      const { server, origin } = await opened.get();
      for (const name of names) await server.put(name, origin.next(adapter));
    },
    async run() {
      const { server } = await opened.get();
      const path = `/v1/adapters/${names[turn++ % names.length]}`;
      const { level } = await server.call("POST", `${path}/pin`);
      if (level !== "gpu") throw new Error(`${path} is in ${level}`);
      await server.call("POST", `${path}/unpin`);
    },
  };
}

async function besideStreams(
  server: BenchServer,
  { change, pairs }: { change: Change; pairs: number },
): Promise<Pair[]> {
  const stop = new AbortController();
  const gaps = new Gaps();
  const streams = Array.from({ length: STREAMS }, async (_, i) => {
    const fields = { max_tokens: STREAM_TOKENS, lora: [{ id: `stream-${i}` }] };
    while (!stop.signal.aborted) await gaps.follow(server.stream(fields), stop.signal);
  });
  const spans = measurePairs(change, pairs).finally(() => stop.abort());
  await Promise.all([spans, ...streams]);
  return (await spans).map(({ during, quiet }) => ({
    during: gaps.within(during),
    quiet: gaps.within(quiet),
    ms: during.to - during.from,
  }));
}

async function measurePairs(
  { run }: Change,
  count: number,
): Promise<{ during: Span; quiet: Span }[]> {
  const pairs: { during: Span; quiet: Span }[] = [];
  await pause(SETTLE_MS);
  for (let i = 0; i < count; i++) {
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

/** `stall`: the longest gap of a change less the longest of its quiet twin, in the middle of the pairs. */
function reading(pairs: readonly Pair[]): Reading {
  const gap = percentiles(pairs.flatMap(({ during }) => during));
  const quiet = percentiles(pairs.flatMap(({ quiet }) => quiet));
  return {
    takes: median(pairs.map(({ ms }) => ms)),
    stall: median(pairs.map(({ during, quiet }) => longest(during) - longest(quiet))),
    gap_p50: gap.p50,
    gap_p99: gap.p99,
    quiet_gap_p50: quiet.p50,
    quiet_gap_p99: quiet.p99,
  };
}

function longest(gaps: readonly number[]): number {
  return Math.max(0, ...gaps);
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

import { DTYPE_BYTES } from "../../engine/core/dtype.ts";
import type { Json } from "../../tests/e2e/server_process.ts";
import { type Figure, format, percentiles, spread } from "../measure.ts";
import type { Origin } from "./origin.ts";
import { FAR_MS } from "./origin_options.ts";
import { BenchServer } from "./server.ts";
import type { Subject } from "./subject.ts";

const ROUNDS = 16;
/** As many leave memory before the earliest is asked for again, and leave the GPU before the next. */
const ON_GPU = 2;
const IN_MEMORY = 8;
const ROUNDS_TO_DISK = 5;

/** What a row measures: where the adapter is, and which of the contents so far it is. */
interface Level {
  what: string;
  /** What the answer must say of it; undefined for the base alone. */
  cache?: "gpu" | "ram" | "disk" | "origin";
  url(contents: readonly string[]): string | undefined;
}

/** Milliseconds from the request to its first token, over HTTP, with the adapter's URL in the request. */
export async function measureFirstTokens(
  origin: Origin,
  subjects: readonly Subject[],
): Promise<Figure[]> {
  const figures: Figure[] = [];
  for (const subject of subjects) figures.push(...await measure(origin, subject));
  return figures;
}

async function measure(origin: Origin, { adapter, label, fileBytes }: Subject): Promise<Figure[]> {
  const memoryBytes = fileBytes * DTYPE_BYTES.F32 / DTYPE_BYTES.F16;
  await using server = await BenchServer.start([
    ...origin.flags,
    "--allow-request-urls",
    "--max-adapters",
    String(ON_GPU),
    "--adapter-memory",
    String(Math.floor(memoryBytes * (IN_MEMORY + 0.5))),
  ]);
  const levels = levelsOf(origin, adapter);
  const times = levels.map(() => [] as Timed[]);
  const contents: string[] = [];
  // In turns, so that a machine that slows down slows all.
  for (let round = -ROUNDS_TO_DISK - 1; round < ROUNDS; round++) {
    for (const [i, { what, cache, url }] of levels.entries()) {
      const asked = url(contents);
      if (asked === undefined && cache !== undefined) continue;
      const timed = await firstToken(server, asked);
      if (asked !== undefined && !contents.includes(asked)) contents.push(asked);
      // The first of all compile and connect, and not every level has content yet.
      if (round < 0) continue;
      if (timed.cache !== cache) throw new Error(`${what} was found in ${timed.cache}`);
      times[i].push(timed);
    }
  }
  return levels.map(({ what }, i) => ({
    what: `first token, ${label}, ${what}`,
    value: summary(times[i]),
  }));
}

/** In the order of a round. */
function levelsOf(origin: Origin, adapter: string): Level[] {
  // Each round adds two contents: a near one, then a far one.
  const ago = (rounds: number) => (contents: readonly string[]) => contents.at(-2 - 2 * rounds);
  return [
    { what: "none (the base)", url: () => undefined },
    { what: "from the origin", cache: "origin", url: () => origin.next(adapter) },
    { what: "from the GPU", cache: "gpu", url: (contents) => contents.at(-1) },
    {
      what: `from an origin ${FAR_MS} ms away`,
      cache: "origin",
      url: () => origin.next(adapter, { isFar: true }),
    },
    { what: "from memory", cache: "ram", url: ago(1) },
    { what: "from the disk", cache: "disk", url: ago(ROUNDS_TO_DISK) },
  ];
}

interface Timed {
  ms: number;
  cache: string | undefined;
  fetchMs: number;
  uploadMs: number;
}

async function firstToken(server: BenchServer, url: string | undefined): Promise<Timed> {
  const start = performance.now();
  let ms = 0;
  let weft: Json;
  for await (const event of server.stream({ max_tokens: 1, ...(url && { lora: [{ url }] }) })) {
    if (event.choices.length > 0) ms ||= performance.now() - start;
    weft = event.weft ?? weft;
  }
  const { fetch_ms: fetchMs, upload_ms: uploadMs } = weft.timings;
  return { ms, cache: weft.cache, fetchMs, uploadMs };
}

function summary(timed: readonly Timed[]): string {
  const middle = (pick: (timed: Timed) => number) => format(percentiles(timed.map(pick)).p50, "ms");
  return `${spread(timed.map(({ ms }) => ms), "ms")}; fetch ${middle(({ fetchMs }) => fetchMs)}, ` +
    `upload ${middle(({ uploadMs }) => uploadMs)}`;
}

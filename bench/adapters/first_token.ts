import { DTYPE_BYTES } from "../../engine/core/dtype.ts";
import type { Json } from "../../tests/e2e/server_process.ts";
import type { BenchContext } from "../context.ts";
import { Shared } from "../engine/shared.ts";
import type { Reading, SeriesGroup } from "../series.ts";
import { median } from "../statistics.ts";
import { Origin } from "./origin.ts";
import { FAR_MS } from "./origin_options.ts";
import { BenchServer } from "./server.ts";
import { fileBytes, type Subject } from "./subject.ts";

/** Turns of a round, of which it has the medians. */
const TURNS = 3;
/** As many leave memory before the earliest is asked for again, and leave the GPU before the next. */
const ON_GPU = 2;
const IN_MEMORY = 6;
const TURNS_TO_DISK = 3;

/** Where the adapter is when it is asked for, and which of the contents so far it is. */
interface Level {
  /** In series' names. */
  name: string;
  /** What the answer must say of it; undefined for the base alone. */
  cache?: "gpu" | "ram" | "disk" | "origin";
  url(contents: readonly string[]): string | undefined;
}

/** Milliseconds from a request with an adapter's URL to its first token, over HTTP, by where the adapter is. */
export function firstTokenGroup(
  { isQuick }: BenchContext,
  subjects: readonly Subject[],
): SeriesGroup {
  const measured = isQuick ? subjects.slice(-1) : subjects;
  const origin = new Shared(
    () => Origin.start({ adapters: measured.map(({ adapter }) => adapter), blobBytes: 0 }),
    (origin) => origin[Symbol.dispose](),
  );
  const opened = measured.map((subject) => ({
    subject,
    asker: new Shared(
      async () => await FirstTokens.open(await origin.get(), subject),
      (asker) => asker.close(),
    ),
  }));
  return {
    name: "adapters",
    title: `First tokens with adapters by URL, demo pack over HTTP (far: ${FAR_MS} ms away)`,
    series: opened.map(({ subject, asker }) => ({
      name: `first_token/${subject.name}`,
      unit: "ms",
      prepare: async () => void await asker.get(),
      round: async () => await (await asker.get()).round(isQuick ? 1 : TURNS),
    })),
    skipped: subjects.filter((subject) => !measured.includes(subject))
      .map(({ name }) => ({ name: `first_token/${name}`, why: "--quick" })),
    close: async () => {
      for (const { asker } of opened) await asker.close();
      await origin.close();
    },
  };
}

interface Timed {
  ms: number;
  cache: string | undefined;
  fetchMs: number;
  uploadMs: number;
}

/** A server, and the contents that it was asked for so far. */
class FirstTokens {
  readonly #server: BenchServer;
  readonly #levels: readonly Level[];
  readonly #contents: string[] = [];

  private constructor(server: BenchServer, levels: readonly Level[]) {
    this.#server = server;
    this.#levels = levels;
  }

  /** Resolves once there is content at each level. */
  static async open(origin: Origin, subject: Subject): Promise<FirstTokens> {
    const memoryBytes = await fileBytes(subject) * DTYPE_BYTES.F32 / DTYPE_BYTES.F16;
    const server = await BenchServer.start([
      ...origin.flags,
      "--allow-request-urls",
      "--max-adapters",
      String(ON_GPU),
      "--adapter-memory",
      String(Math.floor(memoryBytes * (IN_MEMORY + 0.5))),
    ]);
    const asker = new FirstTokens(server, levelsOf(origin, subject.adapter));
    try {
      for (let turn = 0; turn <= TURNS_TO_DISK; turn++) await asker.#addContents();
      return asker;
    } catch (error) {
      await asker.close();
      throw error;
    }
  }

  /** Medians by level: of the whole, and of what the answers say of fetch and upload. */
  async round(turns: number): Promise<Reading> {
    const timed = new Map<string, Timed[]>();
    for (let turn = 0; turn < turns; turn++) {
      for (const [name, one] of await this.#turn()) {
        timed.set(name, [...timed.get(name) ?? [], one]);
      }
    }
    const figures: Record<string, number> = {};
    for (const [name, all] of timed) {
      figures[name] = median(all.map(({ ms }) => ms));
      if (all[0].cache === undefined) continue;
      figures[`${name}/fetch`] = median(all.map(({ fetchMs }) => fetchMs));
      figures[`${name}/upload`] = median(all.map(({ uploadMs }) => uploadMs));
    }
    return figures;
  }

  async close(): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
  }

  /** What a turn would add. */
  async #addContents(): Promise<void> {
    for (const level of this.#levels) if (level.cache === "origin") await this.#ask(level);
  }

  /** Asks once for each level. @throws {Error} when an adapter is found elsewhere than its level says. */
  async #turn(): Promise<Map<string, Timed>> {
    const turn = new Map<string, Timed>();
    for (const level of this.#levels) {
      const timed = await this.#ask(level);
      if (timed.cache !== level.cache) {
        throw new Error(`the adapter of ${level.name} was found in ${timed.cache}`);
      }
      turn.set(level.name, timed);
    }
    return turn;
  }

  async #ask({ url }: Level): Promise<Timed> {
    const asked = url(this.#contents);
    const timed = await firstToken(this.#server, asked);
    if (asked !== undefined && !this.#contents.includes(asked)) this.#contents.push(asked);
    return timed;
  }
}

/** In the order of a turn. */
function levelsOf(origin: Origin, adapter: string): Level[] {
  // Each turn adds two contents: a near one, then a far one.
  const ago = (turns: number) => (contents: readonly string[]) => contents.at(-2 - 2 * turns);
  return [
    { name: "base", url: () => undefined },
    { name: "origin", cache: "origin", url: () => origin.next(adapter) },
    { name: "gpu", cache: "gpu", url: (contents) => contents.at(-1) },
    {
      name: "far_origin",
      cache: "origin",
      url: () => origin.next(adapter, { isFar: true }),
    },
    { name: "memory", cache: "ram", url: ago(1) },
    { name: "disk", cache: "disk", url: ago(TURNS_TO_DISK) },
  ];
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

import { BenchServer } from "../adapters/server.ts";
import type { BenchContext } from "../context.ts";
import { Shared } from "../engine/shared.ts";
import { closedLoop, type Sent } from "../load/closed_loop.ts";
import { poissonLoad } from "../load/poisson.ts";
import { randomOf } from "../load/random.ts";
import { percentiles } from "../measure.ts";
import type { Series, SeriesGroup } from "../series.ts";

const CLIENTS = [1, 8, 64];
const QUICK_CLIENTS = [8];
const ANSWER_TOKENS = 32;
/** Of the requests a second that as many clients get answered when each asks at once again. */
const LOAD = 0.7;

const UNITS = {
  first_p50: "ms",
  first_p99: "ms",
  gap_p50: "ms",
  gap_p99: "ms",
  rate: "tokens/s",
};
const OPEN_LOOP_UNITS = {
  ...UNITS,
  since_arrival_p50: "ms",
  since_arrival_p99: "ms",
  open: "streams",
  offered: "requests/s",
};

/**
 * Streams over HTTP as clients see them. `closed`: so many clients, each of which asks again at once, which
 * tells what the server can. `poisson`: requests arrive by themselves at a share of that, and at most so many
 * are open.
 */
export function httpGroup({ isQuick, isSoftware }: BenchContext): SeriesGroup {
  const isShort = isQuick && isSoftware;
  const counts = isShort ? QUICK_CLIENTS : CLIENTS;
  const least = isSoftware ? (isQuick ? 8 : 16) : (isQuick ? 64 : 256);
  const server = new Shared(
    async () => {
      const server = await BenchServer.start(["--max-batch", "64"]);
      await answer(server);
      return server;
    },
    (server) => server[Symbol.asyncDispose](),
  );
  const ask = async () => {
    const opened = await server.get();
    return () => answer(opened);
  };
  return {
    name: "http",
    title: `SSE clients, demo pack, 64-token prompts, ${ANSWER_TOKENS} tokens an answer`,
    series: counts.flatMap((clients) => clientSeries(clients, { ask, least })),
    skipped: CLIENTS.filter((clients) => !counts.includes(clients)).flatMap((clients) =>
      ["closed", "poisson"].map((loop) => ({
        name: `${loop}/clients=${clients}`,
        why: "--quick on a software driver",
      }))
    ),
    close: () => server.close(),
  };
}

/** @param options.least Requests of a round at least; each client sends one. */
function clientSeries(
  clients: number,
  { ask, least }: { ask: () => Promise<() => Promise<Answer>>; least: number },
): Series[] {
  const random = randomOf(clients);
  let capacity: number | null = null;
  const closed = async () => {
    const load = { clients, requestsEach: Math.ceil(least / clients) };
    const sent = await closedLoop(await ask(), load);
    capacity = sent.length / secondsOf(sent);
    return sent;
  };
  return [
    {
      name: `closed/clients=${clients}`,
      unit: UNITS,
      round: async () => figuresOf(await closed()),
    },
    {
      name: `poisson/clients=${clients}`,
      unit: OPEN_LOOP_UNITS,
      round: async () => {
        if (capacity === null) await closed();
        const rate = LOAD * capacity!;
        const requests = Math.max(least, clients);
        const load = { requests, rate, maxOpen: clients, random };
        const sent = await poissonLoad(await ask(), load);
        const sinceArrival = percentiles(
          sent.map(({ arrivedAt, sentAt, answer }) => sentAt - arrivedAt + answer.firstMs),
        );
        return {
          ...figuresOf(sent),
          since_arrival_p50: sinceArrival.p50,
          since_arrival_p99: sinceArrival.p99,
          open: meanOpen(sent),
          offered: rate,
        };
      },
    },
  ];
}

interface Answer {
  firstMs: number;
  /** Between chunks, which hold up to four tokens each; milliseconds. */
  gaps: number[];
}

async function answer(server: BenchServer): Promise<Answer> {
  const times = [performance.now()];
  for await (const event of server.stream({ max_tokens: ANSWER_TOKENS })) {
    if (event.choices.length > 0) times.push(performance.now());
  }
  const spans = times.slice(1).map((at, i) => at - times[i]);
  return { firstMs: spans[0], gaps: spans.slice(1) };
}

/** First tokens since a request was sent. */
function figuresOf(sent: readonly Sent<Answer>[]): Record<keyof typeof UNITS, number> {
  const first = percentiles(sent.map(({ answer }) => answer.firstMs));
  const gap = percentiles(sent.flatMap(({ answer }) => answer.gaps));
  return {
    first_p50: first.p50,
    first_p99: first.p99,
    gap_p50: gap.p50,
    gap_p99: gap.p99,
    rate: sent.length * ANSWER_TOKENS / secondsOf(sent),
  };
}

/** From the first arrival to the last answer's end. */
function secondsOf(sent: readonly Sent<unknown>[]): number {
  const from = Math.min(...sent.map(({ arrivedAt }) => arrivedAt));
  const to = Math.max(...sent.map(({ doneAt }) => doneAt));
  return (to - from) / 1000;
}

/** Streams that were open at a time, on average. */
function meanOpen(sent: readonly Sent<unknown>[]): number {
  const open = sent.reduce((sum, { sentAt, doneAt }) => sum + doneAt - sentAt, 0);
  return open / 1000 / secondsOf(sent);
}

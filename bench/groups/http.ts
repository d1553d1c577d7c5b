import { BenchServer } from "../adapters/server.ts";
import type { BenchContext } from "../context.ts";
import { Shared } from "../engine/shared.ts";
import { percentiles } from "../measure.ts";
import type { Reading, SeriesGroup } from "../series.ts";

const CLIENTS = [1, 8, 64];
const ANSWER_TOKENS = 32;
/** Requests of a round; each client sends as many. */
const LEAST_REQUESTS = 16;

/**
 * Streams over HTTP as so many clients see them: each pauses, asks and reads, again and again. Pauses are
 * exponential with the mean of a lone answer's time, so that requests arrive as in a Poisson process
 * slowed down by those under way.
 */
export function httpGroup({ isQuick }: BenchContext): SeriesGroup {
  const server = new Shared(
    async () => {
      const server = await BenchServer.start(["--max-batch", "64"]);
      await answer(server);
      const start = performance.now();
      await answer(server);
      return { server, pauseMs: performance.now() - start };
    },
    ({ server }) => server[Symbol.asyncDispose](),
  );
  return {
    name: "http",
    title: `SSE clients, demo pack, 64-token prompts, ${ANSWER_TOKENS} tokens an answer`,
    series: CLIENTS.map((clients) => ({
      name: `clients=${clients}`,
      unit: {
        first_p50: "ms",
        first_p99: "ms",
        gap_p50: "ms",
        gap_p99: "ms",
        rate: "tokens/s",
      },
      round: async () => {
        const requests = Math.ceil((isQuick ? 4 : LEAST_REQUESTS) / clients);
        return await measure(await server.get(), { clients, requests });
      },
    })),
    close: () => server.close(),
  };
}

async function measure(
  { server, pauseMs }: { server: BenchServer; pauseMs: number },
  { clients, requests }: { clients: number; requests: number },
): Promise<Reading> {
  const random = randomOf(clients);
  const start = performance.now();
  const answers = (await Promise.all(Array.from({ length: clients }, async () => {
    const own: Answer[] = [];
    for (let i = 0; i < requests; i++) {
      await new Promise((resolve) => setTimeout(resolve, exponential(pauseMs, random())));
      own.push(await answer(server));
    }
    return own;
  }))).flat();
  const seconds = (performance.now() - start) / 1000;
  const first = percentiles(answers.map(({ firstMs }) => firstMs));
  const gap = percentiles(answers.flatMap(({ gaps }) => gaps));
  return {
    first_p50: first.p50,
    first_p99: first.p99,
    gap_p50: gap.p50,
    gap_p99: gap.p99,
    rate: answers.length * ANSWER_TOKENS / seconds,
  };
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

/** Of a uniform number below 1. */
export function exponential(mean: number, uniform: number): number {
  return -mean * Math.log(1 - uniform);
}

/** The same numbers in [0, 1) each time. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = Math.imul(state, 1664525) + 1013904223 >>> 0;
    return state / 2 ** 32;
  };
}

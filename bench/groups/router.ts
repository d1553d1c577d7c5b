import { BenchServer } from "../adapters/server.ts";
import type { BenchContext } from "../context.ts";
import { promptOf } from "../engine/batch.ts";
import { Shared } from "../engine/shared.ts";
import type { Reading, SeriesGroup } from "../series.ts";
import { median } from "../statistics.ts";

const PROMPT_TOKENS = 512;
const REQUESTS = 3;

/** The time to the first token of a routed request over HTTP, and the router's share of it. */
export function routerGroup({ isQuick }: BenchContext): SeriesGroup {
  const requests = isQuick ? 1 : REQUESTS;
  const server = new Shared(() => BenchServer.start([]), (it) => it[Symbol.asyncDispose]());
  let salt = 500_000;
  const first = async (model?: string) => {
    const start = performance.now();
    const fields = {
      prompt: [...promptOf(PROMPT_TOKENS, { salt: salt += 1009 })],
      max_tokens: 1,
      ...(model && { model }),
    };
    let ms = 0;
    let routeMs = 0;
    for await (const event of (await server.get()).stream(fields)) {
      if (event.choices.length > 0) ms ||= performance.now() - start;
      routeMs = event.weft?.timings?.route_ms ?? routeMs;
    }
    return { ms, routeMs };
  };
  return {
    name: "router",
    title: `Time to the first token, ${PROMPT_TOKENS}-token prompts, demo pack over HTTP`,
    series: [
      {
        name: "first_token/base",
        unit: "ms",
        round: async () => median((await several(requests, () => first())).map(({ ms }) => ms)),
      },
      {
        name: "first_token/auto",
        unit: { ms: "ms", route: "ms", share: "share" },
        round: async (): Promise<Reading> => {
          const all = await several(requests, () => first("auto"));
          if (all.some(({ routeMs }) => routeMs === 0)) throw new Error("a request had no route");
          return {
            ms: median(all.map(({ ms }) => ms)),
            route: median(all.map(({ routeMs }) => routeMs)),
            share: median(all.map(({ ms, routeMs }) => routeMs / ms)),
          };
        },
      },
    ],
    ratios: [{
      name: "first token, routed over base",
      over: "first_token/auto/ms",
      under: "first_token/base",
    }],
    close: () => server.close(),
  };
}

async function several<T>(count: number, ask: () => Promise<T>): Promise<T[]> {
  const answers: T[] = [];
  for (let i = 0; i < count; i++) answers.push(await ask());
  return answers;
}

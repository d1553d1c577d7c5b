import type { Client, Json } from "./client.ts";
import { inFlight } from "./in_flight.ts";
import { Progress } from "./progress.ts";
import type { RowFile } from "./rows.ts";
import type { Sample } from "./samples.ts";

/** Where the router sent a prompt. */
export interface RouteRow {
  seed: number;
  file: string;
  index: number;
  /** The likeliest class of the whole text. */
  top: string;
  /** Its probability. */
  confidence: number;
  /** Below the least confidence: the base would answer alone. */
  abstained: boolean;
}

export function keyOfRoute({ seed, file, index }: Pick<RouteRow, "seed" | "file" | "index">) {
  return [seed, file, index].join("/");
}

/** Asks `/v1/route` for each sample that `kept` hasn't. */
export async function collectRoutes(
  { client, samples, seed, kept, limit }: {
    client: Client;
    samples: readonly Sample[];
    seed: number;
    kept: RowFile<RouteRow>;
    limit: number;
  },
): Promise<void> {
  const wanted = samples.filter(({ file, index }) => !kept.has(keyOfRoute({ seed, file, index })));
  const progress = new Progress(`router ${seed}, routes`, { total: wanted.length });
  await inFlight(wanted, limit, async ({ file, index, messages }, signal) => {
    const input = messages.at(-1)!.content;
    const body = await client.post("/v1/route", { input }, signal);
    await kept.append({ seed, file, index, ...readRoute(body) });
    progress.step();
  });
}

/**
 * The likeliest class of the whole text. Probabilities come as `{name: probability}` or as a list
 * of `{id, probability}`.
 */
export function readRoute(body: Json): Pick<RouteRow, "top" | "confidence" | "abstained"> {
  const { probabilities, abstained } = body.whole;
  const pairs: [string, number][] = Array.isArray(probabilities)
    ? probabilities.map(({ id, probability }: Json) => [id, probability])
    : Object.entries(probabilities);
  const [top, confidence] = pairs.reduce((best, pair) => pair[1] > best[1] ? pair : best);
  return { top, confidence: Number(confidence.toFixed(4)), abstained };
}

import { type Answer, ask } from "./ask.ts";
import type { Client } from "./client.ts";
import { inFlight } from "./in_flight.ts";
import type { Method } from "./methods.ts";
import { Progress } from "./progress.ts";
import type { RowFile } from "./rows.ts";
import type { Sample } from "./samples.ts";

/** A raw answer, as it is kept. */
export interface AnswerRow extends Answer {
  method: string;
  /** The router's place among those evaluated, from 0; null for methods without one. */
  seed: number | null;
  file: string;
  index: number;
}

export function keyOfAnswer(
  { method, seed, file, index }: Pick<AnswerRow, "method" | "seed" | "file" | "index">,
): string {
  return [method, seed, file, index].join("/");
}

/** Asks each sample by each method, but for what `kept` has already. */
export async function collectAnswers(
  what: string,
  { client, base, samples, methods, seed, kept, limit }: {
    client: Client;
    /** The base model's name at the server. */
    base: string;
    samples: readonly Sample[];
    methods: readonly Method[];
    seed: number | null;
    kept: RowFile<AnswerRow>;
    /** Requests at once. */
    limit: number;
  },
): Promise<void> {
  const wanted = methods.flatMap((method) => samples.map((sample) => ({ method, sample })))
    .filter(({ method, sample: { file, index } }) =>
      !kept.has(keyOfAnswer({ method: method.name, seed, file, index }))
    );
  const progress = new Progress(what, { total: wanted.length });
  await inFlight(wanted, limit, async ({ method, sample }, signal) => {
    const { file, index, messages } = sample;
    const answer = await ask(client, { messages, fields: method.fields(sample, base), signal });
    await kept.append({ method: method.name, seed, file, index, ...answer });
    progress.step();
  });
}

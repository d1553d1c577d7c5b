import { existsSync } from "node:fs";
import { WEIGHTS_FILE } from "../../adapters/peft/mod.ts";
import { readModelConfig } from "../../engine/mod.ts";
import type { Figure } from "../measure.ts";
import { BLOB_BYTES, measureFetching } from "./fetching.ts";
import { measureFirstTokens } from "./first_token.ts";
import { measureNames } from "./names.ts";
import { Origin } from "./origin.ts";
import type { Subject } from "./subject.ts";
import { measureSwaps } from "./swaps.ts";

const MODEL = "models/demo";

/** What adapters by URL cost: fetched, brought up the tiers, swapped, kept by the thousand. */
export async function benchAdapters(): Promise<Figure[]> {
  if (!existsSync(`${MODEL}/config.json`)) {
    throw new Error(`Cannot find ${MODEL}: run this from the project's folder`);
  }
  const [small, large] = [subject("antonyms"), subject("joint")];
  const adapters = [small.adapter, large.adapter];
  const model = await readModelConfig(MODEL);
  using origin = await Origin.start({ adapters, blobBytes: BLOB_BYTES });
  return [
    ...await measureFirstTokens(origin, [small, large]),
    ...await measureSwaps(origin, [small, large]),
    ...await measureFetching(origin, { adapter: small.adapter, model }),
    ...await measureNames(model),
  ];
}

function subject(adapter: string): Subject {
  const { size } = Deno.statSync(`${MODEL}/adapters/${adapter}/${WEIGHTS_FILE}`);
  return { adapter, fileBytes: size, label: `${Math.round(size / 1000)} kB` };
}

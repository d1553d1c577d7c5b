import { existsSync } from "node:fs";
import { readdir } from "node:fs/promises";
import type { Figure } from "../measure.ts";
import { measureThroughput } from "./throughput.ts";
import { measureServer } from "./server.ts";

const MODEL = "models/demo";
const ADAPTERS = `${MODEL}/adapters`;

/** How fast the demo pack answers on this machine, and what it costs to start. */
export async function benchDemo(): Promise<Figure[]> {
  if (!existsSync(`${MODEL}/config.json`)) {
    throw new Error(`Cannot find ${MODEL}: run this from the project's folder`);
  }
  const adapters = (await readdir(ADAPTERS)).filter((name) => name !== "joint").sort();
  return [
    ...await measureServer(),
    ...await measureThroughput({ modelDirectory: MODEL, adapterDirectory: ADAPTERS, adapters }),
  ];
}

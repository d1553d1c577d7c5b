import type { Engine } from "../../engine/core/engine.ts";
import { startEngine, type StartOptions } from "../../engine/mod.ts";
import { readTunings } from "../../engine/tuning_file.ts";

/** What the part `tune` measured of the kernels' variants; the other parts' engines use it. */
export const TUNING_FILE = ".weft/bench/tuning.json";

/** f16 and no adapters unless they say otherwise. */
export type BenchEngineOptions =
  & Omit<StartOptions, "dtype" | "loadAdapter">
  & Partial<Pick<StartOptions, "loadAdapter">>;

/** An engine that uses what was tuned on this device, where something was. */
export function openEngine(options: BenchEngineOptions): Promise<Engine> {
  return openUntuned({ tuning: { file: TUNING_FILE, measure: false }, ...options });
}

/** An engine with the variants that its kind of device has, unless `tuning` says otherwise. */
export function openUntuned(options: BenchEngineOptions): Promise<Engine> {
  return startEngine({
    dtype: "f16",
    loadAdapter: () => Promise.reject(new Error("this bench has no adapters")),
    ...options,
  });
}

/** Whether something was tuned on the device of this name, of whichever shapes. */
export async function isTuned(adapter: string): Promise<boolean> {
  return (await readTunings(TUNING_FILE)).some(({ device }) => device.includes(adapter));
}

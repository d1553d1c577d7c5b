import type { AdapterEvent, OnAdapterEvent } from "../../adapters/mod.ts";
import type { LogFields, Logger, LogLevel } from "../logger.ts";

const LEVELS: Record<AdapterEvent["kind"], LogLevel> = {
  fetch_started: "debug",
  fetched: "info",
  swapped: "info",
  failed: "warn",
  removed: "info",
  listed: "debug",
  listing_failed: "warn",
  listing_problem: "warn",
  disk_failed: "error",
};

/** What becomes of adapters, as lines of the log: `adapter_fetched`, `adapter_swapped`, … */
export function adapterLog(logger: Logger): OnAdapterEvent {
  return ({ kind, ...rest }) => {
    const fields = Object.entries(rest).map(([key, value]) => [
      key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`),
      value,
    ]);
    logger.log(LEVELS[kind], `adapter_${kind}`, Object.fromEntries(fields) as LogFields);
  };
}

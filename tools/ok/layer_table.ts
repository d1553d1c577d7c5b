/**
 * Who may import whom (docs/ARCHITECTURE.md, layers). This table is the rule; layers.ts applies it.
 *
 * An area is a folder (`routes/…`) or a file (`config.ts`, `engine/client.ts`), named by its path
 * without the extension.
 */

/** The engine's areas from top to bottom: each imports only what stands below its own line. */
export const ENGINE_LAYERS: readonly (readonly string[])[] = [
  ["engine/mod"],
  ["engine/client"],
  ["engine/router_client"],
  ["engine/thread"],
  ["engine/worker"],
  ["engine/engine_loop", "engine/event_queue", "engine/tuning_file"],
  ["engine/protocol"],
  ["engine/runner"],
  ["engine/tuning"],
  ["engine/model", "engine/router"],
  ["engine/lora"],
  ["engine/kernels"],
  ["engine/gpu", "engine/scheduler", "engine/tokenizer", "engine/loader"],
  ["engine/core"],
];

/** The same for what keeps the adapters; below it all stands `engine/core`. */
export const ADAPTER_LAYERS: readonly (readonly string[])[] = [
  ["adapters/mod"],
  ["adapters/world", "adapters/open_local"],
  ["adapters/store", "adapters/router"],
  ["adapters/lifecycle"],
  ["adapters/registry", "adapters/sources"],
  ["adapters/download"],
  ["adapters/disk", "adapters/http"],
  ["adapters/types"],
  ["adapters/origin"],
  ["adapters/memory", "adapters/peft", "adapters/periodic"],
  [
    "adapters/clock",
    "adapters/limiter",
    "adapters/limits",
    "adapters/name",
    "adapters/reasons",
    "adapters/signals",
    "adapters/single_flight",
  ],
  ["engine/core"],
];

/** What the areas outside both import. */
export const OUTER_IMPORTS: Record<string, readonly string[]> = {
  main: ["server", "engine/thread"],
  server: ["config", "routes", "engine/mod", "adapters/mod", "engine/core"],
  routes: ["engine/mod", "adapters/mod", "engine/core"],
  config: ["config_flags", "config_values", "routes", "engine/core"],
  config_flags: ["config_values", "routes", "engine/core"],
  config_values: ["engine/core"],
};

/** Types for everyone: its files are imported one by one, not through a mod.ts. */
export const OPEN_AREAS: readonly string[] = ["engine/core"];

/** These look inside anything, and nothing else imports them. */
export const WORKSHOP_AREAS: readonly string[] = ["tests", "bench", "tools"];

import { Counter, Gauge, type Registry } from "prom-client";
import type { AdapterInfo, AdapterStoreStats, TierStats } from "../adapters/mod.ts";
import type { EngineStats } from "../engine/core/engine.ts";
import type { LoraRequests } from "./lora_requests.ts";

export interface AdapterMetricsSources {
  adapters: {
    list(): readonly AdapterInfo[];
    get(name: string): AdapterInfo | undefined;
    stats(): AdapterStoreStats;
  };
  stats: () => EngineStats;
  /** How many adapters the GPU has room for. */
  maxAdapters: number;
  loraRequests: LoraRequests;
  clock: { epochSeconds(): number };
}

type Tiers = Record<string, Partial<TierStats>>;
/** Values by label. */
type Series = Record<string, number | undefined>;

/**
 * Registers what is known of adapters, read when the page is. Each series is written anew then, so a label that
 * is gone leaves the page.
 */
export function registerAdapterMetrics(registry: Registry, sources: AdapterMetricsSources): void {
  const { adapters } = sources;
  const tiers = () => tiersOf(sources);

  const tierFigures: [name: string, help: string, key: keyof TierStats][] = [
    ["weft_adapter_tier_adapters", "Adapters' generations in a tier.", "adapters"],
    ["weft_adapter_tier_pinned", "Of these, what may not leave.", "pinned"],
    ["weft_adapter_tier_bytes", "Bytes that a tier holds.", "bytes"],
    ["weft_adapter_tier_max_bytes", "Bytes that a tier may hold.", "maxBytes"],
    ["weft_adapter_tier_hits_total", "Times a tier had what was asked for.", "hits"],
    ["weft_adapter_tier_misses_total", "Times a tier had it not.", "misses"],
    ["weft_adapter_tier_evictions_total", "What left a tier to make room.", "evictions"],
  ];
  for (const [name, help, key] of tierFigures) {
    labelled(registry, { name, help, label: "tier" }, () => pick(tiers(), key));
  }
  labelled(
    registry,
    { name: "weft_adapters", help: "Adapters by the best level they stand at.", label: "level" },
    () => adapters.stats().levels,
  );
  labelled(
    registry,
    {
      name: "weft_adapter_failures_total",
      help: "Adapters that could not be had, by reason.",
      label: "reason",
    },
    () => adapters.stats().failures,
  );

  const totals: [name: string, help: string, read: (stats: AdapterStoreStats) => number][] = [
    ["weft_adapters_registered", "Adapters that have a name here.", (s) => s.registered],
    ["weft_adapters_ready", "Adapters with good content.", (s) => s.ready],
    ["weft_adapters_failed", "Adapters without, by their latest failure.", (s) => s.failed],
    ["weft_adapter_leases", "Holds of running requests on adapters.", (s) => s.leases],
    ["weft_adapter_fetches_total", "Reads that brought content from an origin.", (s) => s.fetches],
    ["weft_adapter_fetched_bytes_total", "Bytes they brought.", (s) => s.fetchedBytes],
    ["weft_adapter_revalidations_total", "Checks that found nothing new.", (s) => s.revalidations],
    ["weft_adapter_swaps_total", "Names moved to another generation.", (s) => s.swaps],
  ];
  for (const [name, help, read] of totals) {
    labelled(registry, { name, help }, () => ({ "": read(adapters.stats()) }));
  }
  registerLoaded(registry, sources);
  registerLoraRequests(registry, sources);
}

interface Labelled {
  name: string;
  help: string;
  /** The one label; without it the series has a single value, under "". */
  label?: string;
}

/** A counter where the name says `_total`, else a gauge. */
function labelled(registry: Registry, metric: Labelled, read: () => Series): void {
  const { name, help, label } = metric;
  const labelNames = label === undefined ? [] : [label];
  const labelsOf = (value: string) => label === undefined ? {} : { [label]: value };
  const present = () =>
    Object.entries(read()).filter((entry): entry is [string, number] => entry[1] !== undefined);
  const registers = [registry];
  if (name.endsWith("_total")) {
    new Counter({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset();
        for (const [value, count] of present()) this.inc(labelsOf(value), count);
      },
    });
    return;
  }
  new Gauge({
    name,
    help,
    labelNames,
    registers,
    collect() {
      this.reset();
      for (const [value, count] of present()) this.set(labelsOf(value), count);
    },
  });
}

/** Which generation of which name is on the GPU or in memory: as many series as fit there, whatever is registered. */
function registerLoaded(registry: Registry, { adapters }: AdapterMetricsSources): void {
  new Gauge({
    name: "weft_adapter_info",
    help: "Always 1; the labels name what is loaded at which level.",
    labelNames: ["name", "generation", "level"],
    registers: [registry],
    collect() {
      this.reset();
      for (const { name, generation, level } of adapters.list()) {
        if (generation === null || (level !== "gpu" && level !== "ram")) continue;
        this.set({ name, generation, level }, 1);
      }
    },
  });
}

/**
 * vLLM's gauge by which load balancers send requests to where their adapter is. Its value is the time, and its
 * labels are lists with commas, as there.
 */
function registerLoraRequests(
  registry: Registry,
  { loraRequests, maxAdapters, clock }: AdapterMetricsSources,
): void {
  new Gauge({
    name: "vllm:lora_requests_info",
    help: "Adapters that requests use now; the value is the time in seconds since 1970.",
    labelNames: ["max_lora", "running_lora_adapters", "waiting_lora_adapters"],
    registers: [registry],
    collect() {
      this.reset();
      this.set({
        max_lora: String(maxAdapters),
        running_lora_adapters: loraRequests.running.join(","),
        waiting_lora_adapters: loraRequests.waiting.join(","),
      }, clock.epochSeconds());
    },
  });
}

function tiersOf({ adapters, stats }: AdapterMetricsSources): Tiers {
  const { disk, ram } = adapters.stats();
  const engine = stats();
  return {
    disk,
    ram,
    gpu: {
      adapters: engine.residentAdapters.length,
      pinned: new Set([...engine.pinnedAdapters, ...engine.heldAdapters]).size,
      bytes: engine.adapterBytes,
      hits: engine.adapterHits,
      misses: engine.adapterMisses,
      evictions: engine.adapterEvictions,
    },
  };
}

function pick(tiers: Tiers, key: keyof TierStats): Series {
  return Object.fromEntries(Object.entries(tiers).map(([tier, figures]) => [tier, figures[key]]));
}

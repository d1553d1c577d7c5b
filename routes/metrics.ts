import { Counter, Gauge, Histogram, Registry } from "prom-client";
import type { EngineStats } from "../engine/core/engine.ts";
import { type AdapterMetricsSources, registerAdapterMetrics } from "./adapter_metrics.ts";
import type { Lifecycle } from "./lifecycle.ts";
import { type LoraRequest, LoraRequests } from "./lora_requests.ts";
import { registerRoutingMetrics, type RoutingMetrics } from "./routing_metrics.ts";

export type { RoutingMetrics };

/** From a millisecond to a few minutes: a GPU's token and a software driver's long prompt. */
const LATENCY_BUCKETS = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 30, 60, 120, 300],
];

/** What the routes count; the engine's own numbers are read when the page is. */
export interface ServerMetrics extends RoutingMetrics {
  request(labels: { endpoint: string; status: number; seconds: number }): void;
  /** Counted when a generation ends, however it ends. */
  tokens(counts: { prompt: number; cached: number; generated: number }): void;
  timeToFirstToken(seconds: number): void;
  /** `tokens` arrived together, `seconds` after the ones before. */
  interToken(seconds: number, tokens: number): void;
  /** A request came that uses these adapters by name. */
  loraRequest(names: readonly string[]): LoraRequest;
  /** The page in Prometheus' text format. */
  render(): Promise<{ contentType: string; body: string }>;
}

export interface MetricsSources extends Omit<AdapterMetricsSources, "loraRequests"> {
  lifecycle: Lifecycle;
  /** EngineInfo.deviceBytes. */
  deviceBytes: number;
  version: string;
}

/** Metrics on a registry of their own; there is no global one. */
export function createMetrics(sources: MetricsSources): ServerMetrics {
  const registry = new Registry();
  const registers = [registry];
  const requests = new Counter({
    name: "weft_requests_total",
    help: "Requests answered, by endpoint and status.",
    labelNames: ["endpoint", "status"],
    registers,
  });
  const duration = new Histogram({
    name: "weft_request_duration_seconds",
    help: "Time from a request's arrival to its last byte.",
    labelNames: ["endpoint"],
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const prompt = counter("weft_prompt_tokens_total", "Prompt tokens of ended requests.");
  const cached = counter(
    "weft_cached_prompt_tokens_total",
    "Prompt tokens of ended requests that the prefix cache answered.",
  );
  const generated = counter("weft_generated_tokens_total", "Tokens generated for ended requests.");
  const firstToken = new Histogram({
    name: "weft_time_to_first_token_seconds",
    help: "Time from a request's arrival to its first token.",
    buckets: LATENCY_BUCKETS,
    registers,
  });
  const interToken = new Histogram({
    name: "weft_inter_token_seconds",
    help: "Time between tokens; tokens that arrive together share the wait.",
    buckets: LATENCY_BUCKETS,
    registers,
  });
  registerEngineMetrics(registry, sources);
  const loraRequests = new LoraRequests();
  registerAdapterMetrics(registry, { ...sources, loraRequests });

  const routing = registerRoutingMetrics(registry, sources);

  function counter(name: string, help: string): Counter {
    return new Counter({ name, help, registers });
  }

  return {
    ...routing,
    request({ endpoint, status, seconds }) {
      requests.inc({ endpoint, status: String(status) });
      duration.observe({ endpoint }, seconds);
    },
    tokens(counts) {
      prompt.inc(counts.prompt);
      cached.inc(counts.cached);
      generated.inc(counts.generated);
    },
    timeToFirstToken: (seconds) => firstToken.observe(seconds),
    interToken(seconds, tokens) {
      for (let i = 0; i < tokens; i++) interToken.observe(seconds / tokens);
    },
    loraRequest: (names) => loraRequests.enter(names),
    render: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
  };
}

/** Gauges and counters that mirror the engine's snapshot at the moment of reading. */
function registerEngineMetrics(registry: Registry, sources: MetricsSources): void {
  const { stats, lifecycle } = sources;
  const gauges: [name: string, help: string, read: (stats: EngineStats) => number][] = [
    ["weft_requests_running", "Sequences in the batch.", (s) => s.running],
    ["weft_requests_waiting", "Sequences in the queue.", (s) => s.waiting],
    ["weft_prompt_tokens_waiting", "Prompt tokens in the queue.", (s) => s.waitingTokens],
    [
      "weft_kv_cache_usage_ratio",
      "Share of KV blocks that running requests use.",
      (s) => s.kvUsage,
    ],
    ["weft_batch_size", "Rows in the latest step.", (s) => s.batchSize],
    ["weft_adapters_resident", "Adapters on the GPU.", (s) => s.residentAdapters.length],
    ["weft_adapters_pinned", "Adapters that running requests use.", (s) => s.pinnedAdapters.length],
    ["weft_ready", "1 while requests are taken.", () => lifecycle.state === "ready" ? 1 : 0],
  ];
  for (const [name, help, read] of gauges) {
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read(stats()));
      },
    });
  }
  const counters: [name: string, help: string, read: (stats: EngineStats) => number][] = [
    ["weft_engine_steps_total", "Steps the engine has run.", (s) => s.steps],
    ["weft_preemptions_total", "Sequences sent back for lack of KV blocks.", (s) => s.preemptions],
    ["weft_adapter_loads_total", "Adapters brought onto the GPU.", (s) => s.adapterLoads],
    ["weft_adapter_evictions_total", "Adapters evicted from the GPU.", (s) => s.adapterEvictions],
  ];
  for (const [name, help, read] of counters) {
    new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        this.reset();
        this.inc(read(stats()));
      },
    });
  }
  new Gauge({
    name: "weft_device_memory_bytes",
    help: "Bytes of the engine's buffers on the device, without a router's.",
    registers: [registry],
  }).set(sources.deviceBytes);
  new Gauge({
    name: "weft_build_info",
    help: "Always 1; the version is in the label.",
    labelNames: ["version"],
    registers: [registry],
  }).set({ version: sources.version }, 1);
}

import { Counter, Histogram, type Registry } from "prom-client";
import { MAX_MIXTURE } from "../engine/core/adapter_weights.ts";
import type { EngineStats } from "../engine/core/engine.ts";
import type { RoutedSentence } from "../engine/core/routing.ts";

export interface RoutingMetrics {
  /** A sentence of an answer was routed. */
  routed(sentence: RoutedSentence): void;
}

export interface RoutingMetricsSources {
  stats: () => EngineStats;
  adapters: { get(name: string): unknown };
}

/** From a tenth of a millisecond to what a wait for an adapter may take. */
const ROUTE_BUCKETS = [
  ...[0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1],
  ...[0.25, 0.5, 1, 5, 30],
];
/** In nats; the logarithm of 512 classes is 6.2. */
const ENTROPY_BUCKETS = [0.01, 0.03, 0.1, 0.2, 0.4, 0.7, 1, 1.5, 2, 3, 4, 6.5];

/** Registers what is known of routing. Counters by adapter cover the names of the moment: one that is gone leaves. */
export function registerRoutingMetrics(
  registry: Registry,
  { stats, adapters }: RoutingMetricsSources,
): RoutingMetrics {
  const registers = [registry];
  const totals: [name: string, help: string, read: (stats: EngineStats) => number][] = [
    ["weft_routes_total", "Routes taken, of sentences and of texts asked about.", (s) => s.routes],
    [
      "weft_route_abstentions_total",
      "Of these, where the base alone was chosen for want of confidence.",
      (s) => s.routeAbstentions,
    ],
    [
      "weft_route_misses_total",
      "Of these, where a chosen adapter was not on the GPU.",
      (s) => s.routeMisses,
    ],
  ];
  for (const [name, help, read] of totals) {
    new Counter({
      name,
      help,
      registers,
      collect() {
        this.reset();
        this.inc(read(stats()));
      },
    });
  }
  const seconds = new Histogram({
    name: "weft_route_seconds",
    help: "Time from when a sentence's route was due to when it was known.",
    buckets: ROUTE_BUCKETS,
    registers,
  });
  const entropy = new Histogram({
    name: "weft_route_entropy_nats",
    help: "Entropy of the router's probabilities, of each routed sentence.",
    buckets: ENTROPY_BUCKETS,
    registers,
  });
  const mixed = new Histogram({
    name: "weft_route_adapters",
    help: "Adapters in the mixture of each routed sentence.",
    buckets: Array.from({ length: MAX_MIXTURE + 1 }, (_, count) => count),
    registers,
  });
  const byAdapter = new Map<string, number>();
  new Counter({
    name: "weft_routed_sentences_total",
    help: "Sentences whose mixture had an adapter, by its name.",
    labelNames: ["name"],
    registers,
    collect() {
      this.reset();
      for (const [name, count] of byAdapter) {
        if (adapters.get(name) === undefined) byAdapter.delete(name);
        else this.inc({ name }, count);
      }
    },
  });
  return {
    routed(sentence) {
      seconds.observe(sentence.ms / 1000);
      entropy.observe(sentence.entropy);
      mixed.observe(sentence.adapters.length);
      for (const { label } of sentence.adapters) {
        byAdapter.set(label, (byAdapter.get(label) ?? 0) + 1);
      }
    },
  };
}

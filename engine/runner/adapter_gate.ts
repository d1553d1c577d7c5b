import type { AdapterWeights } from "../core/adapter_weights.ts";
import { WeftError } from "../core/errors.ts";
import type { ActiveRequest } from "./active_request.ts";
import type { AdapterPool, RunnerPorts } from "./ports.ts";

/** Steps a request waits for room before younger ones may no longer take what it needs. */
const PATIENCE = 64;

/** Adapters asked for or held in memory ahead of their turn, at most; the oldest request's come on top. */
const MAX_AHEAD = 32;

/**
 * Holds requests until their adapters are pinned on the GPU. A request gets all its adapters or
 * none, so that two can never wait for each other's. Oldest first: one that lacks room is overtaken
 * for a while only.
 */
export class AdapterGate {
  readonly #pool: AdapterPool;
  readonly #ports: RunnerPorts;
  readonly #waiting = new Set<ActiveRequest>();
  /** Arrived, not yet on the GPU. */
  readonly #parked = new Map<string, AdapterWeights>();
  readonly #asked = new Set<string>();
  #blockedSteps = 0;

  constructor(pool: AdapterPool, ports: RunnerPorts) {
    this.#pool = pool;
    this.#ports = ports;
  }

  add(active: ActiveRequest): void {
    if (!active.ready) this.#waiting.add(active);
  }

  /** Call once for every request that ends, ready or not. */
  remove(active: ActiveRequest): void {
    if (active.ready) this.#pool.release(active.generations);
    this.#waiting.delete(active);
    this.#dropUnwanted();
  }

  arrived(weights: AdapterWeights): void {
    this.#asked.delete(weights.generation);
    if (this.#wants(weights.generation)) this.#parked.set(weights.generation, weights);
  }

  /** Returns the requests that cannot run without it. */
  failed(generation: string): ActiveRequest[] {
    this.#asked.delete(generation);
    return [...this.#waiting].filter(({ generations }) => generations.includes(generation));
  }

  /** Pins adapters for as many waiting requests as possible; returns those that can never run. */
  admit(): { active: ActiveRequest; error: WeftError }[] {
    const hopeless: { active: ActiveRequest; error: WeftError }[] = [];
    let blocked = false;
    const [oldest] = this.#waiting;
    for (const active of this.#waiting) {
      try {
        if (!this.#isHere(active.generations, active === oldest ? Infinity : MAX_AHEAD)) continue;
        if (this.#pool.place(active.generations, this.#parked)) {
          active.markReady(this.#ports.now());
          this.#waiting.delete(active);
          continue;
        }
      } catch (error) {
        if (!(error instanceof WeftError)) throw error;
        hopeless.push({ active, error });
        continue;
      }
      blocked = true;
      if (this.#blockedSteps >= PATIENCE) break;
    }
    this.#blockedSteps = blocked ? this.#blockedSteps + 1 : 0;
    this.#dropUnwanted();
    return hopeless;
  }

  /** Whether all are on the GPU or in memory; asks for those that are not, within the limit. */
  #isHere(generations: readonly string[], limit: number): boolean {
    const missing = generations.filter((generation) =>
      !this.#pool.has(generation) && !this.#parked.has(generation)
    );
    const unasked = missing.filter((generation) => !this.#asked.has(generation));
    if (this.#asked.size + this.#parked.size + unasked.length <= limit) {
      for (const generation of unasked) {
        this.#asked.add(generation);
        this.#ports.requestAdapter(generation);
      }
    }
    return missing.length === 0;
  }

  #wants(generation: string): boolean {
    for (const { generations } of this.#waiting) {
      if (generations.includes(generation)) return true;
    }
    return false;
  }

  #dropUnwanted(): void {
    for (const generation of this.#parked.keys()) {
      if (this.#pool.has(generation) || !this.#wants(generation)) this.#parked.delete(generation);
    }
  }
}

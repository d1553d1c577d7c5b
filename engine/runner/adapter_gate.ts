import type { AdapterPart, PartQuestion } from "../core/adapter_part.ts";
import type { AdapterHeader } from "../core/adapter_weights.ts";
import { WeftError } from "../core/errors.ts";
import { AdapterHolds } from "./adapter_holds.ts";
import { AdapterUploads } from "./adapter_uploads.ts";
import type { AdapterPool, RunnerPorts } from "./ports.ts";

/** Steps a request waits for room before younger ones may no longer take what it needs. */
const PATIENCE = 64;

/** Adapters asked for or begun in memory ahead of their turn, at most; the oldest request's come on top. */
const MAX_AHEAD = 32;

type GatePorts = Pick<RunnerPorts, "held" | "requestAdapter" | "now">;

/** Whoever needs adapters on the GPU: a request, or the route of a sentence. */
export interface Claimant {
  readonly generations: readonly string[];
  /** They are there, pinned. */
  readonly ready: boolean;
  markReady(now: number): void;
}

/** A claimant that can never have what it needs. */
export interface Hopeless<C extends Claimant = Claimant> {
  active: C;
  error: WeftError;
}

/**
 * Holds requests until their adapters are on the GPU as a whole. A request gets places for all its
 * adapters, pinned, or none, so that two can never wait for each other's. Oldest first: one that
 * lacks room is overtaken for a while only. What has a place is then written in slices.
 */
export class AdapterGate<C extends Claimant = Claimant> {
  readonly #pool: AdapterPool;
  readonly #ports: GatePorts;
  readonly #uploads: AdapterUploads;
  readonly #holds: AdapterHolds;
  /** Without places. */
  readonly #waiting = new Set<C>();
  /** Pinned in places that are still being written. */
  readonly #placed = new Set<C>();
  #blockedSteps = 0;
  #hits = 0;
  #misses = 0;

  constructor(pool: AdapterPool, ports: GatePorts) {
    this.#pool = pool;
    this.#ports = ports;
    this.#uploads = new AdapterUploads(pool, ports);
    this.#holds = new AdapterHolds(pool, { uploads: this.#uploads, ports });
  }

  /** Adapters that requests found on the GPU when they came, and that they did not. */
  get lookups(): { hits: number; misses: number } {
    return { hits: this.#hits, misses: this.#misses };
  }

  add(active: C): void {
    for (const generation of active.generations) {
      if (this.#pool.has(generation)) this.#hits++;
      else this.#misses++;
    }
    if (!active.ready) this.#waiting.add(active);
  }

  /**
   * Pins what is on the GPU as a whole, ahead of those who wait; false where something isn't. `overtake`
   * says who may do so even where somebody has waited for room for long: one that runs already.
   */
  pin(generations: readonly string[], { overtake }: { overtake: boolean }): boolean {
    if (!overtake && this.#blockedSteps >= PATIENCE) return false;
    const isPinned = generations.every((generation) => this.#pool.has(generation)) &&
      this.#pool.place(generations, new Map());
    if (isPinned) this.#hits += generations.length;
    return isPinned;
  }

  /** Undoes a `pin`, or the pins of a claimant that became ready and shares its fate with another. */
  unpin(generations: readonly string[]): void {
    this.#pool.release(generations);
  }

  /** Call once for every request that ends, ready or not. */
  remove(active: C): void {
    if (active.ready || this.#placed.has(active)) this.#pool.release(active.generations);
    this.#waiting.delete(active);
    this.#placed.delete(active);
    this.#dropUnwanted();
  }

  /** Told through `RunnerPorts.held` once it is there, or never will be. */
  hold(id: number, generation: string): void {
    this.#holds.add(id, generation);
  }

  unhold(id: number): void {
    this.#holds.remove(id);
    this.#dropUnwanted();
  }

  /** Returns the requests that cannot run, if it is a part that no adapter can be made of. */
  arrived(part: AdapterPart): Hopeless<C>[] {
    try {
      this.#uploads.arrived(part);
      return [];
    } catch (error) {
      if (!(error instanceof WeftError)) throw error;
      return this.#fail(part.generation, error);
    }
  }

  /** Returns the requests that cannot run without it. */
  failed(question: PartQuestion, error: WeftError): Hopeless<C>[] {
    return this.#uploads.failed(question) ? this.#fail(question.generation, error) : [];
  }

  /** Places as many waiting requests as possible; returns those that can never run. */
  admit(): Hopeless<C>[] {
    const hopeless: Hopeless<C>[] = [];
    let blocked = false;
    const [oldest] = this.#waiting;
    for (const active of this.#waiting) {
      try {
        const headers = this.#headers(active, active === oldest ? Infinity : MAX_AHEAD);
        if (!headers) continue;
        if (this.#pool.place(active.generations, headers)) {
          this.#waiting.delete(active);
          this.#placed.add(active);
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
    this.#holds.admit({
      mayPlace: !blocked,
      mayAsk: () => this.#uploads.ahead < MAX_AHEAD,
    });
    this.#dropUnwanted();
    return hopeless;
  }

  /**
   * Writes a slice of what has places, requests' before what is only held: for `limitMs` at most, or
   * freely where that is null. Requests that have all of theirs now are ready.
   */
  upload(limitMs: number | null): { hopeless: Hopeless<C>[]; modules: number; more: boolean } {
    if (this.#placed.size === 0 && this.#holds.size === 0) {
      return { hopeless: [], modules: 0, more: false };
    }
    const generations = new Set([...this.#placed].flatMap(({ generations }) => generations));
    for (const generation of this.#holds.generations()) generations.add(generation);
    const { failed, modules, more } = this.#uploads.write(generations, limitMs);
    for (const active of this.#placed) {
      if (!active.generations.every((generation) => this.#pool.has(generation))) continue;
      active.markReady(this.#ports.now());
      this.#placed.delete(active);
    }
    this.#holds.tell();
    const hopeless = failed.flatMap(({ generation, error }) => this.#fail(generation, error));
    this.#dropUnwanted();
    return { hopeless, modules, more: more || failed.length > 0 };
  }

  /** The headers of all that the request needs; asks for those not known, within the limit. */
  #headers({ generations }: Claimant, limit: number): Map<string, AdapterHeader> | null {
    const headers = new Map<string, AdapterHeader>();
    const missing: string[] = [];
    for (const generation of generations) {
      const header = this.#uploads.header(generation);
      if (header) headers.set(generation, header);
      else missing.push(generation);
    }
    if (missing.length === 0) return headers;
    const unasked = missing.filter((generation) => !this.#uploads.isAsked(generation));
    if (this.#uploads.ahead + unasked.length <= limit) {
      for (const generation of unasked) this.#uploads.start(generation);
    }
    return null;
  }

  #fail(generation: string, error: WeftError): Hopeless<C>[] {
    this.#holds.fail(generation, error);
    this.#dropUnwanted();
    return [...this.#waiting, ...this.#placed]
      .filter(({ generations }) => generations.includes(generation))
      .map((active) => ({ active, error }));
  }

  #dropUnwanted(): void {
    if (this.#uploads.size === 0) return;
    const wanted = this.#holds.generations();
    for (const active of [...this.#waiting, ...this.#placed]) {
      for (const generation of active.generations) wanted.add(generation);
    }
    const isWanted = (generation: string) => wanted.has(generation);
    this.#uploads.keep(isWanted);
    this.#pool.dropPartial(isWanted);
  }
}

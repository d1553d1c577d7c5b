import { chooseVictims, fits } from "./eviction.ts";
import { type Place, RankRowPool } from "./rank_row_pool.ts";
import type { RankRows } from "./rank_rows.ts";
import { gpuFull, refuseBeyondHalf, refuseTooLarge } from "./room.ts";

/** An adapter that shall be on the GPU. */
export interface ResidentRequest {
  generation: string;
  need: RankRows;
}

/** Where an adapter is to lie, and who had to leave for it. */
export interface Plan extends Place {
  evicted: string[];
}

/** Places for several adapters together. */
export interface JointPlan {
  /** In the order of the requests. `upload`: it is new there, and all its modules must be written. */
  places: (Place & { generation: string; upload: boolean })[];
  evicted: string[];
}

interface Resident {
  generation: string;
  need: RankRows;
  place: Place;
  pins: number;
  /** Modules that lie there by now. */
  written: number;
  whole: boolean;
}

/**
 * The books of the adapters on the GPU: which generation lies in which rows and how much of it, who is
 * pinned by a running request, who is held, and who leaves for a newcomer (least recently used first).
 * Knows no GPU: the caller writes modules and says so, and removes a generation that it gives up.
 */
export class ResidentAdapters {
  readonly #pool: RankRowPool;
  /** Least recently used first. */
  readonly #residents = new Map<string, Resident>();
  /** Generations that shall stay, here or not, and what they need. */
  readonly #held = new Map<string, RankRows>();
  #loads = 0;
  #evictions = 0;

  constructor(size: { maxAdapters: number; rows: RankRows }) {
    this.#pool = new RankRowPool(size);
  }

  /** Whether it has a place, all of it written or not. */
  has(generation: string): boolean {
    return this.#residents.has(generation);
  }

  isWhole(generation: string): boolean {
    return this.#residents.get(generation)?.whole ?? false;
  }

  get(generation: string): Readonly<Place> | undefined {
    return this.#residents.get(generation)?.place;
  }

  /** How many of its modules are written. */
  written(generation: string): number {
    return this.#find(generation).written;
  }

  /** One more module was written; `last` completes the adapter. */
  wrote(generation: string, { last }: { last: boolean }): void {
    const resident = this.#find(generation);
    if (resident.whole) throw new Error(`generation ${generation} is written already`);
    resident.written++;
    resident.whole = last;
    if (last) this.#loads++;
  }

  /** All generations, least recently used first. */
  residents(): string[] {
    return [...this.#residents.keys()];
  }

  pinned(): string[] {
    return [...this.#residents.values()].filter(({ pins }) => pins > 0).map(({ generation }) =>
      generation
    );
  }

  /** Adapters that became whole, and those of them that left. */
  get counts(): { loads: number; evictions: number } {
    return { loads: this.#loads, evictions: this.#evictions };
  }

  get freeRows(): RankRows {
    return this.#pool.freeRows;
  }

  /**
   * Gives one adapter its place; one that has a place keeps it. Null while pinned adapters leave no room, in
   * number or in one piece: then nothing changed, and it may work once a request ends.
   *
   * @throws {WeftError} `bad_adapter` when it could not fit even alone.
   */
  plan(generation: string, need: RankRows): Plan | null {
    const joint = this.planAll([{ generation, need }]);
    if (joint === null) return null;
    const [{ slot, offset }] = joint.places;
    return { slot, offset, evicted: joint.evicted };
  }

  /**
   * Gives all adapters of a mixture their places, or none. Those already here stay where they are unless
   * the pool is too fragmented; then those that nobody pins may move, and say so by `upload`. Held ones
   * leave only for what could not fit beside them however long it waited.
   *
   * @throws {WeftError} `bad_adapter` (one) or `unsupported` (several) when they could not fit even alone.
   */
  planAll(requests: readonly ResidentRequest[]): JointPlan | null {
    const wanted = new Map(requests.map((request) => [request.generation, request]));
    refuseTooLarge([...wanted.values()].map(({ need }) => need), this.#pool);
    const others = this.#unpinned().filter(({ generation }) => !wanted.has(generation));
    const isHeld = ({ generation }: Resident) => this.#held.has(generation);
    const free = others.filter((other) => !isHeld(other));
    const plan = this.#plan(requests, { wanted, others: free });
    if (plan !== null || this.#fitsBesideHeld(wanted)) return plan;
    return this.#plan(requests, { wanted, others: [...free, ...others.filter(isHeld)] });
  }

  /**
   * From now on this generation is held: once it has a place, it leaves that for nobody who could fit
   * beside it. Twice is as good as once.
   *
   * @throws {WeftError} `bad_adapter` when it could not fit even alone, `overloaded` with reason
   * "gpu_full" when held adapters would take more than half of the pool. Then it is not held.
   */
  hold({ generation, need }: ResidentRequest): void {
    if (this.#held.has(generation)) return;
    refuseTooLarge([need], this.#pool);
    refuseBeyondHalf([...this.#held.values(), need], this.#pool);
    this.#held.set(generation, { ...need });
  }

  unhold(generation: string): void {
    this.#held.delete(generation);
  }

  isHeld(generation: string): boolean {
    return this.#held.has(generation);
  }

  /**
   * Gives a held generation its place, at nobody's expense who is pinned or held. Null while there is no
   * room for it.
   *
   * @throws {WeftError} `overloaded`, reason "gpu_full", when only other held ones are in its way.
   */
  planHeld(generation: string): JointPlan | null {
    const need = this.#held.get(generation);
    if (need === undefined) throw new Error(`generation ${generation} is not held`);
    const request = { generation, need };
    const wanted = new Map([[generation, request]]);
    const others = this.#unpinned().filter(({ generation }) => !this.#held.has(generation));
    const plan = this.#plan([request], { wanted, others });
    if (plan !== null || this.#fitsBesideHeld(wanted)) return plan;
    throw gpuFull("those that are held leave no room for it in one piece");
  }

  /** Keeps all of them on the GPU until unpinned as often; false, and nothing is pinned, unless all are there. */
  pin(generations: readonly string[]): boolean {
    if (!generations.every((generation) => this.has(generation))) return false;
    for (const generation of generations) {
      this.touch(generation);
      this.#find(generation).pins++;
    }
    return true;
  }

  /** @throws {Error} when one of them is not pinned as often as it is named here; then nothing changed. */
  unpin(generations: readonly string[]): void {
    const counts = Map.groupBy(generations, (generation) => generation);
    for (const [generation, times] of counts) {
      if ((this.#residents.get(generation)?.pins ?? 0) < times.length) {
        throw new Error(`generation ${generation} is not pinned ${times.length} times`);
      }
    }
    for (const generation of generations) this.#find(generation).pins--;
  }

  /** Marks a generation as the latest used. */
  touch(generation: string): void {
    const resident = this.#find(generation);
    this.#residents.delete(generation);
    this.#residents.set(generation, resident);
  }

  /** @throws {Error} when it is pinned or not here. */
  remove(generation: string): void {
    const resident = this.#find(generation);
    if (resident.pins > 0) throw new Error(`generation ${generation} is pinned`);
    this.#leave(resident);
  }

  /** @throws {Error} when the books do not balance. */
  checkIntegrity(): void {
    let whole = 0;
    for (const [generation, resident] of this.#residents) {
      if (resident.generation !== generation || resident.pins < 0) {
        throw new Error(`generation ${generation} is filed wrongly`);
      }
      if (resident.whole) whole++;
    }
    if (this.#loads - this.#evictions !== whole) {
      throw new Error(`${this.#loads} came and ${this.#evictions} left, but ${whole} are whole`);
    }
    this.#pool.checkIntegrity([...this.#residents.values()]);
  }

  /** Least recently used first. */
  #unpinned(): Resident[] {
    return [...this.#residents.values()].filter(({ pins }) => pins === 0);
  }

  /** Places what is wanted, at the expense of `others`, who leave in this order, as far as it takes. */
  #plan(
    requests: readonly ResidentRequest[],
    { wanted, others }: {
      wanted: ReadonlyMap<string, ResidentRequest>;
      others: readonly Resident[];
    },
  ): JointPlan | null {
    const missing = [...wanted.values()].filter(({ generation }) => !this.has(generation));
    if (missing.length === 0) return this.#commit(requests, { incoming: [], leaving: [] });
    const movable = this.#unpinned().filter(({ generation }) => wanted.has(generation));
    for (const moving of [[], movable]) {
      const incoming = [...missing, ...moving];
      const victims = chooseVictims(this.#pool, { candidates: others, incoming, moving });
      if (victims !== null) {
        return this.#commit(requests, { incoming, leaving: [...moving, ...victims] });
      }
    }
    return null;
  }

  /** Whether there is room once nothing is here but what is held: then waiting helps. */
  #fitsBesideHeld(wanted: ReadonlyMap<string, ResidentRequest>): boolean {
    if (this.#held.size === 0) return true;
    const all = [...this.#residents.values()];
    const here = all.filter(({ generation }) => wanted.has(generation));
    const missing = [...wanted.values()].filter(({ generation }) => !this.has(generation));
    const gone = all.filter(({ generation }) =>
      wanted.has(generation) || !this.#held.has(generation)
    );
    return fits(this.#pool, { leaving: gone, incoming: [...missing, ...here] });
  }

  #commit(
    requests: readonly ResidentRequest[],
    { incoming, leaving }: { incoming: readonly ResidentRequest[]; leaving: readonly Resident[] },
  ): JointPlan {
    for (const resident of leaving) this.#leave(resident);
    const places = this.#pool.takeAll(incoming.map(({ need }) => need));
    if (places === undefined) throw new Error("a plan that was tried does not fit");
    incoming.forEach(({ generation, need }, index) => {
      const place = places[index];
      const resident = { generation, need: { ...need }, place, pins: 0, written: 0, whole: false };
      this.#residents.set(generation, resident);
    });
    const uploads = new Set(incoming.map(({ generation }) => generation));
    for (const { generation } of requests) this.touch(generation);
    return {
      places: requests.map(({ generation }) => ({
        ...this.#find(generation).place,
        generation,
        upload: uploads.has(generation),
      })),
      evicted: leaving.map(({ generation }) => generation).filter((generation) =>
        !this.has(generation)
      ),
    };
  }

  #leave({ generation, place, need, whole }: Resident): void {
    this.#residents.delete(generation);
    this.#pool.give(place, need);
    if (whole) this.#evictions++;
  }

  #find(generation: string): Resident {
    const resident = this.#residents.get(generation);
    if (resident === undefined) throw new Error(`generation ${generation} is not on the GPU`);
    return resident;
  }
}

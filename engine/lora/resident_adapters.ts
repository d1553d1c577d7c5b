import { WeftError } from "../core/errors.ts";
import { type Place, RankRowPool } from "./rank_row_pool.ts";
import { addRows, firstShortage, type RankRows } from "./rank_rows.ts";

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
  /** In the order of the requests. `upload`: its tensors must be written there before use. */
  places: (Place & { generation: string; upload: boolean })[];
  evicted: string[];
}

interface Resident {
  generation: string;
  need: RankRows;
  place: Place;
  pins: number;
}

/**
 * The books of the adapters on the GPU: which generation lies in which rows, who is pinned by a running
 * request, and who leaves for a newcomer (least recently used first). Knows no GPU: the caller uploads what a
 * plan says, and removes a generation whose upload fails.
 */
export class ResidentAdapters {
  readonly #pool: RankRowPool;
  /** Least recently used first. */
  readonly #residents = new Map<string, Resident>();

  constructor(size: { maxAdapters: number; rows: RankRows }) {
    this.#pool = new RankRowPool(size);
  }

  has(generation: string): boolean {
    return this.#residents.has(generation);
  }

  get(generation: string): Readonly<Place> | undefined {
    return this.#residents.get(generation)?.place;
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
   * the pool is too fragmented; then those that nobody pins may move, and say so by `upload`.
   *
   * @throws {WeftError} `bad_adapter` (one) or `unsupported` (several) when they could not fit even alone.
   */
  planAll(requests: readonly ResidentRequest[]): JointPlan | null {
    const wanted = new Map(requests.map((request) => [request.generation, request]));
    this.#refuseTooLarge([...wanted.values()]);
    const missing = [...wanted.values()].filter(({ generation }) => !this.has(generation));
    const others = this.#unpinned().filter(({ generation }) => !wanted.has(generation));
    const movable = this.#unpinned().filter(({ generation }) => wanted.has(generation));

    if (missing.length === 0) {
      return this.#commit(requests, { incoming: [], leaving: [] });
    }
    for (const moving of [[], movable]) {
      const incoming = [...missing, ...moving];
      const victims = this.#victims(others, { incoming, moving });
      if (victims !== null) {
        return this.#commit(requests, { incoming, leaving: [...moving, ...victims] });
      }
    }
    return null;
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
    for (const [generation, resident] of this.#residents) {
      if (resident.generation !== generation || resident.pins < 0) {
        throw new Error(`generation ${generation} is filed wrongly`);
      }
    }
    this.#pool.checkIntegrity([...this.#residents.values()]);
  }

  #refuseTooLarge(requests: readonly ResidentRequest[]): void {
    const need = addRows(requests.map((request) => request.need));
    const short = firstShortage(need, this.#pool.rows);
    const isOne = requests.length === 1;
    const what = isOne ? "the adapter" : `${requests.length} adapters together`;
    const code = isOne ? "bad_adapter" : "unsupported";
    if (short !== undefined) {
      throw new WeftError(
        code,
        `Cannot place ${what} on the GPU: needs ${
          need[short]
        } rank rows of ${short}_proj, the pool has ` +
          `${this.#pool.rows[short]}`,
      );
    }
    if (requests.length > this.#pool.maxAdapters) {
      throw new WeftError(
        code,
        `Cannot place ${what} on the GPU: at most ${this.#pool.maxAdapters} are configured`,
      );
    }
  }

  /** Least recently used first. */
  #unpinned(): Resident[] {
    return [...this.#residents.values()].filter(({ pins }) => pins === 0);
  }

  /**
   * Who has to leave so that the newcomers fit: the least recently used, as many as it takes, and of these
   * only whom it takes. Null when all of them are not enough.
   */
  #victims(
    candidates: readonly Resident[],
    { incoming, moving }: { incoming: readonly ResidentRequest[]; moving: readonly Resident[] },
  ): Resident[] | null {
    const suffices = (victims: readonly Resident[]) =>
      this.#fits([...moving, ...victims], incoming);
    if (!suffices(candidates)) return null;
    let count = 0;
    while (!suffices(candidates.slice(0, count))) count++;
    let victims = candidates.slice(0, count);
    for (const spared of victims.toReversed()) {
      const fewer = victims.filter((victim) => victim !== spared);
      if (suffices(fewer)) victims = fewer;
    }
    return victims;
  }

  #fits(leaving: readonly Resident[], incoming: readonly ResidentRequest[]): boolean {
    const trial = this.#pool.clone();
    for (const { place, need } of leaving) trial.give(place, need);
    return trial.takeAll(incoming.map(({ need }) => need)) !== undefined;
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
      this.#residents.set(generation, { generation, need: { ...need }, place, pins: 0 });
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

  #leave({ generation, place, need }: Resident): void {
    this.#residents.delete(generation);
    this.#pool.give(place, need);
  }

  #find(generation: string): Resident {
    const resident = this.#residents.get(generation);
    if (resident === undefined) throw new Error(`generation ${generation} is not on the GPU`);
    return resident;
  }
}

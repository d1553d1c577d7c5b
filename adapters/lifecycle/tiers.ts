import type { AdapterWeights } from "../../engine/core/adapter_weights.ts";
import { messageOf, type WeftError } from "../../engine/core/errors.ts";
import type { AdapterMemory, Resident } from "../memory.ts";
import type { AdapterLevel, GpuTier, TierStats } from "../types.ts";
import type { Counters } from "./counters.ts";
import type { OnAdapterEvent } from "./events.ts";
import type { DiskTier } from "./ports.ts";

export interface TiersOptions {
  memory: AdapterMemory;
  /** Absent: only adapters on this machine can be read. */
  disk?: DiskTier;
  gpu?: GpuTier;
  onEvent: OnAdapterEvent;
}

/**
 * The places where content is, and who needs it there. Names, leases and work under way refer to generations;
 * one that nobody refers to leaves memory and disk.
 */
export class Tiers {
  readonly memory: AdapterMemory;
  readonly disk?: DiskTier;
  readonly gpu?: GpuTier;
  readonly #onEvent: OnAdapterEvent;
  readonly #references = new Map<string, number>();
  readonly #pins = new Map<string, number>();
  /** Generations that are leaving the disk. */
  readonly #removals = new Map<string, Promise<void>>();

  constructor({ memory, disk, gpu, onEvent }: TiersOptions) {
    this.memory = memory;
    this.disk = disk;
    this.gpu = gpu;
    this.#onEvent = onEvent;
  }

  stats(
    { memoryHits: hits, memoryMisses: misses }: Counters,
  ): { disk: TierStats; ram: TierStats } {
    const { count: adapters, bytes, maxBytes, evictions } = this.memory;
    const pinned = [...this.#pins.keys()].filter((generation) => this.memory.has(generation));
    const ram = { adapters, bytes, maxBytes, evictions, hits, misses, pinned: pinned.length };
    const none = Object.fromEntries(Object.keys(ram).map((key) => [key, 0])) as typeof ram;
    return { disk: this.disk?.stats() ?? none, ram };
  }

  /** Where a generation is at best. */
  levelOf(generation: string | null): AdapterLevel {
    if (generation === null) return "origin";
    if (this.gpu?.has(generation)) return "gpu";
    if (this.memory.has(generation)) return "ram";
    return this.disk?.has(generation) ? "disk" : "origin";
  }

  refer(generation: string): void {
    this.#references.set(generation, (this.#references.get(generation) ?? 0) + 1);
  }

  /** Takes a reference back; the last one's generation leaves. */
  unrefer(generation: string): void {
    const count = this.#references.get(generation);
    if (count === undefined) throw new Error(`nobody refers to generation ${generation}`);
    if (count > 1) {
      this.#references.set(generation, count - 1);
      return;
    }
    this.#references.delete(generation);
    this.memory.remove(generation);
    this.#removeFromDisk(generation);
  }

  /** A hold on a generation that is in memory. */
  hold(generation: string): Hold | undefined {
    const resident = this.memory.get(generation);
    return resident && new Hold(this, generation, this.memory.hold(resident));
  }

  /** Brings weights into memory and holds them. @throws {WeftError} as AdapterMemory.add. */
  add(weights: AdapterWeights): Hold {
    return new Hold(this, weights.generation, this.memory.add(weights));
  }

  /** Keeps a held generation in memory, on the disk and on the GPU. @throws {WeftError} as GpuTier.hold. */
  async pin(hold: Hold, signal: AbortSignal): Promise<PinHold> {
    const { generation } = hold;
    const own = hold.again();
    let gpu: { release(): void } | undefined;
    try {
      gpu = await this.gpu?.hold(generation, signal);
      signal.throwIfAborted();
    } catch (error) {
      gpu?.release();
      own.release();
      throw error;
    }
    this.pinOnDisk(generation);
    return {
      generation,
      release: () => {
        this.unpinOnDisk(generation);
        gpu?.release();
        own.release();
      },
    };
  }

  /** The disk knows pinned or not; names count here. */
  pinOnDisk(generation: string): void {
    const count = this.#pins.get(generation) ?? 0;
    this.#pins.set(generation, count + 1);
    if (count === 0) this.disk?.pin(generation);
  }

  unpinOnDisk(generation: string): void {
    const count = this.#pins.get(generation) ?? 0;
    if (count > 1) {
      this.#pins.set(generation, count - 1);
      return;
    }
    this.#pins.delete(generation);
    this.disk?.unpin(generation);
  }

  /** Lets go what a process that is no more left behind on the disk. */
  removeOrphans(): void {
    for (const generation of this.disk?.generations() ?? []) {
      if (!this.#references.has(generation)) this.#removeFromDisk(generation);
    }
  }

  /** Ends once all that is leaving has left. */
  async settled(): Promise<void> {
    await Promise.all(this.#removals.values());
  }

  /**
   * @param referrers The generation of each that refers to one; when not idle, there may be more.
   * @throws {Error} when the books do not balance.
   */
  checkIntegrity({ referrers, isIdle }: { referrers: readonly string[]; isIdle: boolean }): void {
    this.memory.checkIntegrity();
    const expected = Map.groupBy(referrers, (generation) => generation);
    for (const generation of new Set([...expected.keys(), ...this.#references.keys()])) {
      const references = this.#references.get(generation) ?? 0;
      const known = expected.get(generation)?.length ?? 0;
      if (isIdle ? references === known : references >= known) continue;
      throw new Error(`generation ${generation} has ${references} references, ${known} known`);
    }
    for (const generation of this.memory.generations()) {
      if (this.#references.has(generation)) continue;
      throw new Error(`generation ${generation} is in memory, and nobody refers to it`);
    }
    for (const generation of this.disk?.generations() ?? []) {
      if (this.#references.has(generation) || this.#removals.has(generation)) continue;
      throw new Error(`generation ${generation} is on the disk, and nobody refers to it`);
    }
  }

  #removeFromDisk(generation: string): void {
    if (!this.disk?.has(generation) || this.#removals.has(generation)) return;
    const removal = this.disk.remove(generation).catch((error) => {
      this.#onEvent({ kind: "disk_failed", generation, message: messageOf(error) });
    }).finally(() => this.#removals.delete(generation));
    this.#removals.set(generation, removal);
  }
}

/** A pinned generation's hold on every tier. */
export interface PinHold {
  readonly generation: string;
  release(): void;
}

/**
 * Keeps a generation on its tiers until it is released: in memory, unless memory was too full for it; then
 * `problem` says so.
 */
export class Hold {
  readonly #tiers: Tiers;
  readonly #resident: Resident | undefined;
  #isReleased = false;

  /** @param resident Held already. */
  constructor(
    tiers: Tiers,
    readonly generation: string,
    resident: Resident | undefined,
    readonly problem?: WeftError,
  ) {
    this.#tiers = tiers;
    this.#resident = resident;
    tiers.refer(generation);
  }

  /** @throws {WeftError} `memory_full` when memory was too full for it. */
  get weights(): AdapterWeights {
    if (this.#resident === undefined) throw this.problem;
    return this.#resident.weights;
  }

  /** Another hold on the same. */
  again(): Hold {
    const resident = this.#resident && this.#tiers.memory.hold(this.#resident);
    return new Hold(this.#tiers, this.generation, resident, this.problem);
  }

  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (this.#resident) this.#tiers.memory.release(this.#resident);
    this.#tiers.unrefer(this.generation);
  }
}

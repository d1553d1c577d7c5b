import type { AdapterWeights } from "../../engine/core/adapter_weights.ts";
import { messageOf, type WeftError } from "../../engine/core/errors.ts";
import type { AdapterMemory, Resident } from "../memory.ts";
import type { AdapterLevel, GpuTier } from "../types.ts";
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

  get pinned(): number {
    return this.#pins.size;
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

  /** Whoever keeps a generation on the disk waits until an earlier copy has left. */
  async whenRemoved(generation: string): Promise<void> {
    await this.#removals.get(generation);
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

  /** @throws {Error} when the books do not balance; `references` is what they should say. */
  checkIntegrity(references: ReadonlyMap<string, number>): void {
    this.memory.checkIntegrity();
    for (const generation of new Set([...references.keys(), ...this.#references.keys()])) {
      const counted = this.#references.get(generation) ?? 0;
      const expected = references.get(generation) ?? 0;
      // Work under way refers too, for a while.
      if (counted < expected) {
        throw new Error(`generation ${generation} has ${counted} references, not ${expected}`);
      }
    }
    for (const generation of this.memory.generations()) {
      if (!this.#references.has(generation)) {
        throw new Error(`generation ${generation} is in memory, and nobody refers to it`);
      }
    }
    for (const generation of this.disk?.generations() ?? []) {
      if (!this.#references.has(generation) && !this.#removals.has(generation)) {
        throw new Error(`generation ${generation} is on the disk, and nobody refers to it`);
      }
    }
  }

  /** What is referred to, for tests of leaks. */
  references(): ReadonlyMap<string, number> {
    return this.#references;
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

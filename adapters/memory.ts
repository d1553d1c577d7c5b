import type { AdapterWeights } from "../engine/core/adapter_weights.ts";
import { adapterError } from "./reasons.ts";

/** A generation in host memory. While it is held it stays. */
export interface Resident {
  readonly weights: AdapterWeights;
  readonly bytes: number;
  holds: number;
}

/**
 * Generations in host memory under a byte budget. What nobody holds leaves when room is needed, least recently
 * used first.
 */
export class AdapterMemory {
  readonly maxBytes: number;
  /** Least recently used first. */
  readonly #residents = new Map<string, Resident>();
  #bytes = 0;
  #evictions = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get count(): number {
    return this.#residents.size;
  }

  get evictions(): number {
    return this.#evictions;
  }

  has(generation: string): boolean {
    return this.#residents.has(generation);
  }

  /** Finds a generation without holding it. */
  get(generation: string): Resident | undefined {
    return this.#residents.get(generation);
  }

  /**
   * Adds a generation and holds it; one that is there already is held again.
   *
   * @throws {WeftError} `bad_adapter` when it is larger than the budget, `memory_full` when what is held
   *   leaves no room for it.
   */
  add(weights: AdapterWeights): Resident {
    const present = this.#residents.get(weights.generation);
    if (present !== undefined) return this.hold(present);
    const resident: Resident = { weights, bytes: bytesOf(weights), holds: 1 };
    this.#makeRoom(resident.bytes);
    this.#residents.set(weights.generation, resident);
    this.#bytes += resident.bytes;
    return resident;
  }

  /** @throws {WeftError} `bad_adapter` for what could never fit. */
  refuseBeyond(bytes: number): void {
    if (bytes > this.maxBytes) {
      throw adapterError(
        "bad_adapter",
        `it takes ${bytes} bytes of memory, more than the ${this.maxBytes} configured for all adapters`,
      );
    }
  }

  /** Also marks it as the latest used. */
  hold(resident: Resident): Resident {
    const { generation } = resident.weights;
    if (this.#residents.get(generation) !== resident) {
      throw new Error(`generation ${generation} is not in memory`);
    }
    this.#residents.delete(generation);
    this.#residents.set(generation, resident);
    resident.holds++;
    return resident;
  }

  release(resident: Resident): void {
    if (resident.holds === 0) {
      throw new Error(`generation ${resident.weights.generation} is not held`);
    }
    resident.holds--;
  }

  /** Lets a generation go that nobody holds; does nothing where it is not in memory. */
  remove(generation: string): void {
    const resident = this.#residents.get(generation);
    if (resident === undefined) return;
    if (resident.holds > 0) throw new Error(`generation ${generation} is held`);
    this.#drop(resident);
  }

  generations(): string[] {
    return [...this.#residents.keys()];
  }

  /** @throws {Error} when the books do not balance. */
  checkIntegrity(): void {
    let bytes = 0;
    for (const [generation, resident] of this.#residents) {
      bytes += resident.bytes;
      if (resident.holds < 0 || resident.weights.generation !== generation) {
        throw new Error(`generation ${generation} is filed wrongly`);
      }
    }
    if (bytes !== this.#bytes || bytes > this.maxBytes) {
      throw new Error(
        `${bytes} bytes are in memory, ${this.#bytes} counted, ${this.maxBytes} allowed`,
      );
    }
  }

  /** All or nothing: evicts only when that makes enough room. */
  #makeRoom(bytes: number): void {
    this.refuseBeyond(bytes);
    const idle = [...this.#residents.values()].filter((resident) => resident.holds === 0);
    const held = this.#bytes - idle.reduce((sum, resident) => sum + resident.bytes, 0);
    if (held + bytes > this.maxBytes) {
      throw adapterError(
        "memory_full",
        `it takes ${bytes} bytes, but running requests and pins hold ${held} of the ${this.maxBytes} ` +
          `configured for adapters`,
        { retryAfterSeconds: 1 },
      );
    }
    for (const resident of idle) {
      if (this.#bytes + bytes <= this.maxBytes) return;
      this.#drop(resident);
      this.#evictions++;
    }
  }

  #drop({ weights, bytes }: Resident): void {
    this.#residents.delete(weights.generation);
    this.#bytes -= bytes;
  }
}

/** What an adapter's tensors take in memory. */
export function bytesOf({ modules }: AdapterWeights): number {
  return modules.reduce((sum, { a, b }) => sum + a.byteLength + b.byteLength, 0);
}

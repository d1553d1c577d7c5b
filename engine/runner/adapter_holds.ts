import { WeftError } from "../core/errors.ts";
import type { AdapterUploads } from "./adapter_uploads.ts";
import type { AdapterPool, RunnerPorts } from "./ports.ts";

interface Hold {
  generation: string;
  /** Told that its generation is on the GPU. */
  isTold: boolean;
}

/**
 * Generations that shall be on the GPU although no request wants them now. Those that fit in half of the
 * pool together are taken on, and get their places when no request waits for room. What a request
 * displaced comes back by itself.
 */
export class AdapterHolds {
  readonly #pool: AdapterPool;
  readonly #uploads: AdapterUploads;
  readonly #ports: Pick<RunnerPorts, "held">;
  readonly #holds = new Map<number, Hold>();
  /** Generations that the pool holds. */
  readonly #accepted = new Set<string>();

  constructor(
    pool: AdapterPool,
    parts: { uploads: AdapterUploads; ports: Pick<RunnerPorts, "held"> },
  ) {
    this.#pool = pool;
    this.#uploads = parts.uploads;
    this.#ports = parts.ports;
  }

  get size(): number {
    return this.#holds.size;
  }

  add(id: number, generation: string): void {
    this.#holds.set(id, { generation, isTold: false });
  }

  /** Unknown ids are ignored, as the hold may just have failed. */
  remove(id: number): void {
    const hold = this.#holds.get(id);
    if (!hold) return;
    this.#holds.delete(id);
    if (this.wants(hold.generation)) return;
    this.#accepted.delete(hold.generation);
    this.#pool.unhold(hold.generation);
  }

  /** Each generation once, the oldest hold's first. */
  generations(): Set<string> {
    return new Set([...this.#holds.values()].map(({ generation }) => generation));
  }

  wants(generation: string): boolean {
    for (const hold of this.#holds.values()) if (hold.generation === generation) return true;
    return false;
  }

  /** Ends all holds of a generation, also those of one that was here, was displaced and cannot come back. */
  fail(generation: string, error: WeftError): void {
    for (const [id, hold] of this.#holds) {
      if (hold.generation !== generation) continue;
      this.remove(id);
      if (!hold.isTold) this.#ports.held(id, error);
    }
  }

  /**
   * Takes on whom there is room for in principle and refuses the others; gives places to those that have
   * none, if `mayPlace`.
   */
  admit({ mayPlace, mayAsk }: { mayPlace: boolean; mayAsk: () => boolean }): void {
    for (const generation of this.generations()) {
      try {
        const header = this.#uploads.header(generation);
        if (!header) {
          if (mayAsk()) this.#uploads.start(generation);
          continue;
        }
        if (!this.#accepted.has(generation)) {
          this.#pool.hold(generation, header);
          this.#accepted.add(generation);
        }
        const isPlaced = this.#pool.has(generation) || this.#pool.missing(generation) !== null;
        if (mayPlace && !isPlaced) this.#pool.placeHeld(generation);
      } catch (error) {
        if (!(error instanceof WeftError)) throw error;
        this.fail(generation, error);
      }
    }
  }

  /** Tells those whose generation is on the GPU now. */
  tell(): void {
    for (const [id, hold] of this.#holds) {
      if (hold.isTold || !this.#accepted.has(hold.generation)) continue;
      if (!this.#pool.has(hold.generation)) continue;
      hold.isTold = true;
      this.#ports.held(id, null);
    }
  }
}

import { type AdapterPart, moduleBytes, type PartQuestion } from "../core/adapter_part.ts";
import type { AdapterHeader, AdapterModule } from "../core/adapter_weights.ts";
import { WeftError } from "../core/errors.ts";
import type { AdapterPool, RunnerPorts } from "./ports.ts";

/** What a slice writes where nobody decodes: about as much as one part brings. */
const FREE_SLICE_BYTES = 4 * 2 ** 20;

/** Parts in hand or asked for of the adapter that is written first: a slice should not run dry. */
const WINDOW = 4;

/** What became of a slice. */
export interface SliceOutcome {
  /** Modules written. */
  modules: number;
  /** Generations that can never be whole. */
  failed: { generation: string; error: WeftError }[];
  /** Whether there is more in hand to write. */
  more: boolean;
}

interface Upload {
  header: AdapterHeader | null;
  /** With which modules parts start; only the first is known before it came. */
  starts: readonly number[];
  /** By what they start with. */
  inHand: Map<number, AdapterPart>;
  /** Starts of parts that are not here yet. */
  asked: Set<number>;
  /** Those asked for by somebody who is gone: their failure is nobody's who came later. */
  stale: Set<number>;
}

/**
 * Adapters on their way to the GPU. They are pulled part by part while they are written, so little of
 * an adapter is in this thread's memory. What to write and to ask for follows from what the pool lacks:
 * a generation that lost its place, or moved, begins anew by itself.
 */
export class AdapterUploads {
  readonly #pool: AdapterPool;
  readonly #ports: Pick<RunnerPorts, "requestAdapter" | "now">;
  readonly #uploads = new Map<string, Upload>();

  constructor(pool: AdapterPool, ports: Pick<RunnerPorts, "requestAdapter" | "now">) {
    this.#pool = pool;
    this.#ports = ports;
  }

  get size(): number {
    return this.#uploads.size;
  }

  /** How many were asked for, or have parts here, and have no place on the GPU yet. */
  get ahead(): number {
    let count = 0;
    for (const generation of this.#uploads.keys()) {
      if (this.#pool.missing(generation) === null) count++;
    }
    return count;
  }

  /** Whether its first part is on its way. */
  isAsked(generation: string): boolean {
    return this.#uploads.get(generation)?.asked.has(0) ?? false;
  }

  /** Known before the adapter has its place: from its first part. */
  header(generation: string): AdapterHeader | undefined {
    return this.#pool.header(generation) ?? this.#uploads.get(generation)?.header ?? undefined;
  }

  /** Asks for the first part of what nothing is known of. */
  start(generation: string): void {
    const upload = this.#upload(generation);
    if (upload.header === null) this.#ask(generation, upload, 0);
  }

  /** @throws {WeftError} `internal` for a part that no adapter can be made of. */
  arrived(part: AdapterPart): void {
    const { generation, from, whole, modules } = part;
    const upload = this.#uploads.get(generation);
    if (!upload?.asked.delete(from)) return;
    upload.stale.delete(from);
    if (whole) {
      upload.header = whole.header;
      upload.starts = whole.starts;
    }
    const { starts, header } = upload;
    const end = starts[starts.indexOf(from) + 1] ?? header?.modules.length;
    if (starts[0] !== 0 || from + modules.length !== end) {
      throw new WeftError(
        "internal",
        `Cannot load adapter ${generation}: ${modules.length} modules came from ${from} on, ` +
          `not up to ${end}`,
      );
    }
    upload.inHand.set(from, part);
  }

  /** Whether those fail who want this generation now; a stale question is asked anew for them. */
  failed({ generation, from }: PartQuestion): boolean {
    const upload = this.#uploads.get(generation);
    return upload !== undefined && upload.asked.delete(from) && !upload.stale.delete(from);
  }

  /** Forgets what is whole and what nobody wants. */
  keep(isWanted: (generation: string) => boolean): void {
    for (const [generation, upload] of this.#uploads) {
      if (isWanted(generation) && !this.#pool.has(generation)) continue;
      upload.inHand.clear();
      upload.stale = new Set(upload.asked);
      if (upload.asked.size === 0) this.#uploads.delete(generation);
    }
  }

  /**
   * Writes modules of those of these generations that have places, in this order: for `limitMs`, as
   * far as that can be foreseen, and one module at least. Without a limit, as much as a part brings.
   */
  write(generations: Iterable<string>, limitMs: number | null): SliceOutcome {
    const start = this.#ports.now();
    const outcome: SliceOutcome = { modules: 0, failed: [], more: false };
    let [bytes, slowest, elapsed] = [0, 0, 0];
    let window = WINDOW;
    for (const generation of generations) {
      if (this.#pool.missing(generation) === null) continue;
      for (let module; (module = this.#next(generation, window));) {
        const isOver = limitMs === null
          ? bytes + moduleBytes(module) > FREE_SLICE_BYTES
          : elapsed + slowest > limitMs;
        if (outcome.modules > 0 && isOver) {
          outcome.more = true;
          break;
        }
        try {
          this.#pool.write(generation, module);
        } catch (error) {
          if (!(error instanceof WeftError)) throw error;
          outcome.failed.push({ generation, error });
          break;
        }
        const before = elapsed;
        elapsed = this.#ports.now() - start;
        slowest = Math.max(slowest, elapsed - before);
        bytes += moduleBytes(module);
        outcome.modules++;
      }
      if (outcome.more) break;
      window = 1;
    }
    if (outcome.modules > 0) this.#pool.flush();
    return outcome;
  }

  /** The module to write next, if it is in hand; asks for what is not of so many parts. */
  #next(generation: string, window: number): AdapterModule | undefined {
    const index = this.#pool.missing(generation);
    if (index === null) return undefined;
    const upload = this.#upload(generation);
    const { starts, inHand } = upload;
    const current = starts.findLastIndex((start) => start <= index);
    for (const from of inHand.keys()) if (from < starts[current]) inHand.delete(from);
    for (const from of starts.slice(current, current + window)) {
      if (!inHand.has(from)) this.#ask(generation, upload, from);
    }
    const from = starts[current];
    return inHand.get(from)?.modules[index - from];
  }

  #upload(generation: string): Upload {
    let upload = this.#uploads.get(generation);
    if (!upload) {
      upload = {
        header: null,
        starts: [0],
        inHand: new Map(),
        asked: new Set(),
        stale: new Set(),
      };
      this.#uploads.set(generation, upload);
    }
    return upload;
  }

  #ask(generation: string, { asked }: Upload, from: number): void {
    if (asked.has(from)) return;
    asked.add(from);
    this.#ports.requestAdapter({ generation, from });
  }
}

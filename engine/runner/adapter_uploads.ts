import { type AdapterPart, moduleBytes } from "../core/adapter_part.ts";
import type { AdapterHeader, AdapterModule } from "../core/adapter_weights.ts";
import { WeftError } from "../core/errors.ts";
import type { AdapterPool, RunnerPorts } from "./ports.ts";

/** What a slice writes where nobody decodes: about as much as one part brings. */
const FREE_SLICE_BYTES = 4 * 2 ** 20;

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
  /** In hand, in order, without gaps. */
  parts: AdapterPart[];
  /** The module from which on the question that is not answered yet asks. */
  asked: number | null;
  /** Nobody wanted it for a while since that question: whoever wants it now did not ask it. */
  isStale: boolean;
}

/**
 * Adapters on their way to the GPU. They are pulled part by part: while one part is written the next
 * one comes, so that little of an adapter is in this thread's memory. What is in hand is always held
 * against what the pool lacks, so a generation that lost its place, or moved, begins anew by itself.
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

  /** Known before the adapter has its place: from its first part. */
  header(generation: string): AdapterHeader | undefined {
    return this.#pool.header(generation) ?? this.#uploads.get(generation)?.header ?? undefined;
  }

  /** Asks for what comes next of a generation, unless some of it is in hand. */
  start(generation: string): void {
    let upload = this.#uploads.get(generation);
    if (!upload) {
      upload = { header: null, parts: [], asked: null, isStale: false };
      this.#uploads.set(generation, upload);
    }
    if (upload.parts.length === 0) this.#ask(generation, upload);
  }

  isAsked(generation: string): boolean {
    return (this.#uploads.get(generation)?.asked ?? null) !== null;
  }

  /**
   * Takes a part in; one that was asked for by somebody who is gone may be of no use any more.
   *
   * @throws {WeftError} `internal` for a part that says less than it must.
   */
  arrived(part: AdapterPart): void {
    const { generation, from, header, modules } = part;
    const upload = this.#uploads.get(generation);
    if (upload?.asked !== from) return;
    upload.asked = null;
    upload.isStale = false;
    if (modules.length === 0 || (from === 0 && !header)) {
      const message = `Cannot load adapter ${generation}: nothing came from module ${from} on`;
      throw new WeftError("internal", message);
    }
    upload.header ??= header ?? null;
    if (from === this.#end(generation, upload)) upload.parts.push(part);
  }

  /** Whether the failure is that of a question somebody waits for; if not, it is to be asked anew. */
  failed(generation: string): boolean {
    const upload = this.#uploads.get(generation);
    if (!upload) return false;
    const isWanted = !upload.isStale;
    upload.asked = null;
    upload.isStale = false;
    return isWanted;
  }

  /** Forgets what nobody wants. */
  keep(isWanted: (generation: string) => boolean): void {
    for (const [generation, upload] of this.#uploads) {
      if (this.#pool.has(generation)) this.#uploads.delete(generation);
      if (isWanted(generation)) continue;
      upload.header = null;
      upload.parts = [];
      upload.isStale = true;
      if (upload.asked === null) this.#uploads.delete(generation);
    }
  }

  /**
   * Writes modules of these generations, which have places, in this order: for `limitMs`, as far as
   * that can be foreseen, and one module at least. Without a limit, as much as a part brings.
   */
  write(generations: Iterable<string>, limitMs: number | null): SliceOutcome {
    const start = this.#ports.now();
    const failed: SliceOutcome["failed"] = [];
    let [modules, bytes, slowest, elapsed] = [0, 0, 0, 0];
    for (const generation of generations) {
      for (let module; (module = this.#next(generation));) {
        const isOver = limitMs === null
          ? bytes + moduleBytes(module) > FREE_SLICE_BYTES
          : elapsed + slowest > limitMs;
        if (modules > 0 && isOver) {
          this.#pool.flush();
          return { modules, failed, more: true };
        }
        try {
          this.#pool.write(generation, module);
        } catch (error) {
          if (!(error instanceof WeftError)) throw error;
          failed.push({ generation, error });
          break;
        }
        const before = elapsed;
        elapsed = this.#ports.now() - start;
        slowest = Math.max(slowest, elapsed - before);
        bytes += moduleBytes(module);
        modules++;
      }
    }
    if (modules > 0) this.#pool.flush();
    return { modules, failed, more: false };
  }

  /** The module to write next, if it is in hand; asks for what is not. */
  #next(generation: string): AdapterModule | undefined {
    const index = this.#pool.missing(generation);
    if (index === null) return undefined;
    const upload = this.#uploads.get(generation)!;
    upload.parts = upload.parts.filter((part) => endOf(part) > index);
    if (upload.parts.length > 0 && upload.parts[0].from > index) upload.parts = [];
    // The next part comes while this one is written.
    if (upload.parts.length < 2) this.#ask(generation, upload);
    return upload.parts[0]?.modules[index - upload.parts[0].from];
  }

  #ask(generation: string, upload: Upload): void {
    if (upload.asked !== null) return;
    const from = this.#end(generation, upload);
    if (from >= (this.header(generation)?.modules.length ?? Infinity)) return;
    upload.asked = from;
    this.#ports.requestAdapter(generation, from);
  }

  /** The first module that is neither written nor in hand. */
  #end(generation: string, { parts }: Upload): number {
    const last = parts.at(-1);
    return last ? endOf(last) : this.#pool.missing(generation) ?? 0;
  }
}

function endOf({ from, modules }: AdapterPart): number {
  return from + modules.length;
}

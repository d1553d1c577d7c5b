import { adapterError } from "../reasons.ts";

/** Content that is on the disk. */
export interface Content {
  readonly generation: string;
  readonly bytes: number;
  /** Readings under way. */
  readers: number;
}

/** What the disk cache holds, in which order it was used, and what may leave. Touches no disk itself. */
export class Books {
  readonly maxBytes: number;
  /** Least recently used first. */
  readonly #contents = new Map<string, Content>();
  /** How often each generation is pinned, whether or not it is here. */
  readonly #pins = new Map<string, number>();
  #bytes = 0;
  #evictions = 0;

  constructor(maxBytes: number) {
    this.maxBytes = maxBytes;
  }

  get adapters(): number {
    return this.#contents.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get evictions(): number {
    return this.#evictions;
  }

  get pinned(): number {
    return this.contents().filter((content) => this.#isPinned(content)).length;
  }

  /** Least recently used first. */
  contents(): Content[] {
    return [...this.#contents.values()];
  }

  get(generation: string): Content | undefined {
    return this.#contents.get(generation);
  }

  add(generation: string, bytes: number): void {
    if (this.#contents.has(generation)) throw new Error(`${generation} is on the disk already`);
    this.#contents.set(generation, { generation, bytes, readers: 0 });
    this.#bytes += bytes;
  }

  /** Marks content as the latest used. */
  use(content: Content): void {
    if (this.#contents.get(content.generation) !== content) return;
    this.#contents.delete(content.generation);
    this.#contents.set(content.generation, content);
  }

  /** False when other content, or none, has its place by now. */
  remove(content: Content): boolean {
    if (this.#contents.get(content.generation) !== content) return false;
    this.#contents.delete(content.generation);
    this.#bytes -= content.bytes;
    return true;
  }

  pin(generation: string): void {
    this.#pins.set(generation, (this.#pins.get(generation) ?? 0) + 1);
  }

  unpin(generation: string): void {
    const pins = this.#pins.get(generation);
    if (pins === undefined) throw new Error(`${generation} is not pinned`);
    if (pins === 1) this.#pins.delete(generation);
    else this.#pins.set(generation, pins - 1);
  }

  /**
   * Takes out what must leave so that so many more bytes fit: all or nothing, least recently used first. Null when
   * readers must end first.
   *
   * @throws {WeftError} `disk_full` when they can't fit at all, or not beside what is pinned.
   */
  makeRoom(bytes: number): Content[] | null {
    if (bytes > this.maxBytes) {
      throw adapterError(
        "disk_full",
        `it takes ${bytes} bytes of disk, more than the ${this.maxBytes} configured for all adapters`,
      );
    }
    const loose = this.contents().filter((content) => !this.#isPinned(content));
    const pinned = this.#bytes - total(loose);
    if (pinned + bytes > this.maxBytes) {
      throw adapterError(
        "disk_full",
        `it takes ${bytes} bytes of disk, but pinned adapters take ${pinned} of the ${this.maxBytes} ` +
          `configured`,
      );
    }
    const idle = loose.filter(({ readers }) => readers === 0);
    if (this.#bytes - total(idle) + bytes > this.maxBytes) return null;
    return this.#evict(idle, this.maxBytes - bytes);
  }

  /** Takes out what is more than the budget, of `spared` only where the rest isn't enough. For the start. */
  trim(spared: ReadonlySet<string>): Content[] {
    const all = this.contents();
    const isSpared = ({ generation }: Content) => spared.has(generation);
    const sparedLast = [...all.filter((it) => !isSpared(it)), ...all.filter(isSpared)];
    return this.#evict(sparedLast, this.maxBytes);
  }

  /** @throws {Error} when they do not balance. */
  checkIntegrity(): void {
    const bytes = total(this.contents());
    if (bytes !== this.#bytes || bytes > this.maxBytes) {
      throw new Error(
        `${bytes} bytes are on the disk, ${this.#bytes} counted, ${this.maxBytes} allowed`,
      );
    }
    for (const { generation, readers } of this.contents()) {
      if (readers < 0) throw new Error(`${generation} has ${readers} readers`);
    }
  }

  #evict(candidates: readonly Content[], downTo: number): Content[] {
    const leaving: Content[] = [];
    for (const content of candidates) {
      if (this.#bytes <= downTo) break;
      this.remove(content);
      leaving.push(content);
    }
    this.#evictions += leaving.length;
    return leaving;
  }

  #isPinned({ generation }: Content): boolean {
    return this.#pins.has(generation);
  }
}

function total(contents: readonly Content[]): number {
  return contents.reduce((sum, { bytes }) => sum + bytes, 0);
}

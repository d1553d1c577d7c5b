import { join } from "node:path";
import { WeftError } from "../../engine/core/errors.ts";
import { type AdapterFiles, CONFIG_FILE, generationOf, WEIGHTS_FILE } from "../peft/mod.ts";
import type { TierStats } from "../types.ts";
import { Books, type Content } from "./books.ts";
import { codeOf } from "./disk_error.ts";
import { checkIntegrity } from "./integrity.ts";
import { Layout, markUsed, measure } from "./layout.ts";
import { type Staging, Stagings } from "./staging.ts";

export interface DiskCacheOptions {
  /** The cache's own: whatever else lies in its `content` and `incoming` is deleted. */
  directory: string;
  /** For content; what is being fetched comes on top. */
  maxBytes: number;
  /** What a budget smaller than before takes last. Pins are their owner's to set again. */
  spared?: Iterable<string>;
  /** Told of content that no longer is what it was. */
  onCorrupt?(generation: string): void;
}

/**
 * Adapters' files on the disk, by generation, under a byte budget. Content is whole or absent, whenever the
 * process is killed. What nobody reads and nobody pinned leaves when room is needed, least recently used first.
 *
 * One process at a time may use a directory: see `StateLock`.
 */
export class DiskCache {
  readonly #layout: Layout;
  readonly #books: Books;
  readonly #onCorrupt: (generation: string) => void;
  readonly #stagings = new Stagings();
  /** What changes `content/` takes turns. */
  #turn: Promise<unknown> = Promise.resolve();
  #readerLeft = Promise.withResolvers<void>();
  #lastUse: number;
  #hits = 0;
  #misses = 0;

  private constructor(
    { layout, books, lastUse }: { layout: Layout; books: Books; lastUse: number },
    { onCorrupt }: DiskCacheOptions,
  ) {
    this.#layout = layout;
    this.#books = books;
    this.#lastUse = lastUse;
    this.#onCorrupt = onCorrupt ?? (() => {});
  }

  /** Takes over what an earlier process left: whole content within the budget stays, all else is deleted. */
  static async open(options: DiskCacheOptions): Promise<DiskCache> {
    const layout = new Layout(options.directory);
    const books = new Books(options.maxBytes);
    await layout.create();
    const { found, junk } = layout.scan();
    found.sort((a, b) => a.usedAt - b.usedAt);
    for (const { generation, bytes } of found) books.add(generation, bytes);
    const trimmed = books.trim(new Set(options.spared));
    await layout.discard([...junk, ...trimmed.map(({ generation }) => generation)]);
    await layout.wipeIncoming();
    return new DiskCache({ layout, books, lastUse: found.at(-1)?.usedAt ?? 0 }, options);
  }

  /** @throws {WeftError} `disk_full`. */
  stage(): Promise<Staging> {
    return this.#stagings.open(
      this.#layout.newIncomingPath(),
      (path, generation) => this.#keep(path, generation),
    );
  }

  /** Every generation there is, least recently used first. */
  generations(): string[] {
    return this.#books.contents().map(({ generation }) => generation);
  }

  has(generation: string): boolean {
    return this.#books.get(generation) !== undefined;
  }

  /**
   * A generation's files, checked against it; undefined when they are absent, or were corrupt and are removed.
   *
   * @throws {WeftError} `unavailable` when the disk can't be read.
   */
  async read(generation: string): Promise<AdapterFiles | undefined> {
    const content = this.#books.get(generation);
    const files = content && await this.#readHeld(content);
    if (files !== undefined) {
      this.#hits++;
      return files;
    }
    this.#misses++;
    if (content !== undefined && await this.#forget(content)) this.#onCorrupt(generation);
    return undefined;
  }

  /** Keeps a generation, now or once it comes, until it is unpinned as often. */
  pin(generation: string): void {
    this.#books.pin(generation);
  }

  unpin(generation: string): void {
    this.#books.unpin(generation);
  }

  /** Deletes a generation's content, pinned or not. */
  async remove(generation: string): Promise<void> {
    const content = this.#books.get(generation);
    if (content !== undefined) await this.#forget(content);
  }

  stats(): TierStats {
    const { adapters, bytes, maxBytes, pinned, evictions } = this.#books;
    return { adapters, bytes, maxBytes, pinned, evictions, hits: this.#hits, misses: this.#misses };
  }

  /** @throws {Error} when the books do not balance, or the disk holds something else. */
  async checkIntegrity(): Promise<void> {
    await this.#exclusively(() =>
      checkIntegrity({ layout: this.#layout, books: this.#books, stagings: this.#stagings })
    );
  }

  async #keep(path: string, generation: string): Promise<void> {
    const target = this.#layout.contentPath(generation);
    const bytes = measure(path);
    if (bytes === null) throw new Error(`${path} does not hold an adapter's two files alone`);
    await this.#layout.settle(path);
    await this.#exclusively(async () => {
      const present = this.#books.get(generation);
      if (present !== undefined) {
        this.#books.use(present);
        return await markUsed(target, this.#now()).catch(() => {});
      }
      await this.#makeRoom(bytes);
      await markUsed(path, this.#now());
      await this.#layout.install(path, generation);
      this.#books.add(generation, bytes);
    });
  }

  async #makeRoom(bytes: number): Promise<void> {
    for (;;) {
      const leaving = this.#books.makeRoom(bytes);
      if (leaving !== null) {
        return await this.#layout.discard(leaving.map(({ generation }) => generation));
      }
      await this.#readerLeft.promise;
    }
  }

  /** Undefined when they are corrupt. */
  async #readHeld(content: Content): Promise<AdapterFiles | undefined> {
    content.readers++;
    try {
      const files = await this.#readFiles(content);
      if (files === undefined || await generationOf(files) !== content.generation) return undefined;
      this.#books.use(content);
      // Only the order of eviction after a restart hangs on it.
      await markUsed(this.#layout.contentPath(content.generation), this.#now()).catch(() => {});
      return files;
    } finally {
      content.readers--;
      this.#readerLeft.resolve();
      this.#readerLeft = Promise.withResolvers();
    }
  }

  /** Undefined when they are not all there, or the disk has lost their bytes. */
  async #readFiles({ generation, bytes }: Content): Promise<AdapterFiles | undefined> {
    const path = this.#layout.contentPath(generation);
    try {
      if (measure(path) !== bytes) return undefined;
      const [config, weights] = await Promise.all(
        [CONFIG_FILE, WEIGHTS_FILE].map((name) => Deno.readFile(join(path, name))),
      );
      return { config, weights };
    } catch (error) {
      const code = codeOf(error);
      if (code === "ENOENT" || code === "EIO") return undefined;
      throw new WeftError("unavailable", `the disk cache can't be read (${code ?? "unknown"})`, {
        cause: error,
      });
    }
  }

  /** True when it was there until now. */
  #forget(content: Content): Promise<boolean> {
    return this.#exclusively(async () => {
      if (!this.#books.remove(content)) return false;
      await this.#layout.discard([content.generation]);
      return true;
    });
  }

  #exclusively<T>(action: () => T | Promise<T>): Promise<T> {
    const result = this.#turn.then(action);
    this.#turn = result.catch(() => {});
    return result;
  }

  /** Milliseconds since 1970, later each time, so that modification times keep the order of use. */
  #now(): number {
    this.#lastUse = Math.max(Date.now(), this.#lastUse + 1);
    return this.#lastUse;
  }
}

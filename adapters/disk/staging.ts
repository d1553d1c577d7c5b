import { rm } from "node:fs/promises";
import { asDiskError } from "./disk_error.ts";

/** A directory for content that is on its way. Once `keep` or `drop` has settled it is gone. */
export interface Staging extends AsyncDisposable {
  readonly path: string;
  /**
   * Makes the two files in it the content of a generation: durable, and visible at once as a whole. The
   * generation is believed; `DiskCache.read` checks it.
   *
   * @throws {WeftError} `disk_full` when there is no room for it.
   */
  keep(generation: string): Promise<void>;
  /** Deletes it. Does nothing once it was kept or dropped. */
  drop(): Promise<void>;
}

/** The directories that are staged at present. */
export class Stagings {
  readonly #paths = new Set<string>();

  has(path: string): boolean {
    return this.#paths.has(path);
  }

  /** Makes a directory, for `install` to take away when it is kept. */
  async open(
    path: string,
    install: (path: string, generation: string) => Promise<void>,
  ): Promise<Staging> {
    this.#paths.add(path);
    try {
      await Deno.mkdir(path, { mode: 0o700 });
    } catch (error) {
      this.#paths.delete(path);
      throw asDiskError(error);
    }
    let isOpen = true;
    const close = async () => {
      await rm(path, { recursive: true, force: true });
      this.#paths.delete(path);
    };
    const drop = async () => {
      if (!isOpen) return;
      isOpen = false;
      await close();
    };
    const keep = async (generation: string) => {
      if (!isOpen) throw new Error(`${path} was kept or dropped already`);
      isOpen = false;
      try {
        await install(path, generation);
      } catch (error) {
        throw asDiskError(error);
      } finally {
        await close();
      }
    };
    return { path, keep, drop, [Symbol.asyncDispose]: drop };
  }
}

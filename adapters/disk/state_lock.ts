import { join } from "node:path";
import { WeftError } from "../../engine/core/errors.ts";

const LOCK_FILE = "lock";

/**
 * One process's claim on a state directory. The lock is the open file's, not the file's being there: the system
 * gives it back when the process ends, in whatever way. The file itself stays.
 */
export class StateLock implements Disposable {
  readonly #file: Deno.FsFile;
  #isHeld = true;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /**
   * Makes the directory if need be, and claims it.
   *
   * @throws {WeftError} `conflict` while another process has it.
   */
  static async acquire(directory: string): Promise<StateLock> {
    await Deno.mkdir(directory, { recursive: true, mode: 0o700 });
    const file = await Deno.open(join(directory, LOCK_FILE), {
      read: true,
      write: true,
      create: true,
      mode: 0o600,
    });
    try {
      if (!await file.tryLock(true)) throw await taken(directory);
      await file.truncate();
      await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
      return new StateLock(file);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  /** Further calls do nothing. */
  release(): void {
    if (!this.#isHeld) return;
    this.#isHeld = false;
    this.#file.close();
  }

  [Symbol.dispose](): void {
    this.release();
  }
}

async function taken(directory: string): Promise<WeftError> {
  const pid = (await Deno.readTextFile(join(directory, LOCK_FILE))).trim();
  const who = /^\d+$/.test(pid) ? `process ${pid} uses it` : "another process uses it";
  return new WeftError(
    "conflict",
    `Cannot use the state directory ${
      JSON.stringify(directory)
    }: ${who}; name another with --state-dir`,
  );
}

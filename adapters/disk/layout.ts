import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { CONFIG_FILE, WEIGHTS_FILE } from "../peft/mod.ts";
import { codeOf } from "./disk_error.ts";
import { sync } from "./durable.ts";

const GENERATION = /^[0-9a-f]{64}$/;
const FILES: readonly string[] = [CONFIG_FILE, WEIGHTS_FILE];

/** Complete content as it was found on the disk. */
export interface FoundContent {
  generation: string;
  bytes: number;
  /** Milliseconds since 1970. */
  usedAt: number;
}

/**
 * The cache's directories: `content/<generation>/` holds the two files of an adapter, whole at any moment;
 * `incoming/<uuid>/` is what is not whole yet, or no longer. Things pass between the two by renaming.
 */
export class Layout {
  readonly content: string;
  readonly incoming: string;

  constructor(directory: string) {
    this.content = join(directory, "content");
    this.incoming = join(directory, "incoming");
  }

  async create(): Promise<void> {
    for (const path of [this.content, this.incoming]) {
      await Deno.mkdir(path, { recursive: true, mode: 0o700 });
    }
  }

  /** Where a generation's content lies; its name can't lead elsewhere. */
  contentPath(generation: string): string {
    if (!GENERATION.test(generation)) {
      throw new Error(`${JSON.stringify(generation)} is no generation: 64 hexadecimal digits are`);
    }
    return join(this.content, generation);
  }

  newIncomingPath(): string {
    return join(this.incoming, crypto.randomUUID());
  }

  /** What `content/` holds: whole content, and the names of what is anything else. */
  scan(): { found: FoundContent[]; junk: string[] } {
    const found: FoundContent[] = [];
    const junk: string[] = [];
    // At start, thousands of small calls: together they take a tenth of the time that awaiting each would.
    for (const { name } of Deno.readDirSync(this.content)) {
      const path = join(this.content, name);
      const bytes = GENERATION.test(name) ? measure(path) : null;
      if (bytes === null) junk.push(name);
      else found.push({ generation: name, bytes, usedAt: usedAt(path) });
    }
    return { found, junk };
  }

  /** Brings the two files of a directory to the disk itself. */
  async settle(path: string): Promise<void> {
    for (const name of FILES) await sync(join(path, name));
    await sync(path);
  }

  /** Makes a settled directory of `incoming/` the content of a generation, durably and in one step. */
  async install(path: string, generation: string): Promise<void> {
    try {
      await rename(path, this.contentPath(generation));
      await sync(this.content);
    } catch (error) {
      // Perhaps there, but not durably so; or something that nobody knew of was in its place.
      await this.discard([generation]).catch(() => {});
      throw error;
    }
  }

  /** Takes things out of `content/`. Each is gone from there, durably, before any of it is deleted. */
  async discard(names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const paths: string[] = [];
    for (const name of names) {
      const path = this.newIncomingPath();
      if (await moved(join(this.content, name), path)) paths.push(path);
    }
    await sync(this.content);
    for (const path of paths) await rm(path, { recursive: true, force: true });
  }

  /** Deletes what a process that died has left behind. */
  async wipeIncoming(): Promise<void> {
    for await (const { name } of Deno.readDir(this.incoming)) {
      await rm(join(this.incoming, name), { recursive: true, force: true });
    }
  }
}

/** The bytes of the two files in a directory that holds them and nothing else; otherwise null. */
export function measure(path: string): number | null {
  if (!Deno.lstatSync(path).isDirectory) return null;
  const names = [...Deno.readDirSync(path)].map(({ name }) => name).sort();
  if (names.join() !== FILES.join()) return null;
  const files = names.map((name) => Deno.lstatSync(join(path, name)));
  return files.every(({ isFile }) => isFile)
    ? files.reduce((sum, { size }) => sum + size, 0)
    : null;
}

/** A directory's modification time tells when its content was last used. */
export async function markUsed(path: string, at: number): Promise<void> {
  await Deno.utime(path, at / 1000, at / 1000);
}

function usedAt(path: string): number {
  return Deno.lstatSync(path).mtime?.getTime() ?? 0;
}

async function moved(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}

import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { WeftError } from "../../engine/core/errors.ts";
import { asDiskError, codeOf, sync } from "../disk/mod.ts";
import type { Registry } from "../registry/mod.ts";
import { sha256Of } from "./sha256.ts";

/** The latest order about the router: it holds over restarts. */
export interface RouterOrder {
  /** What the server was started with when the order came: an order under another start is void. */
  startedWith: string;
  /** Null: none shall be in place. */
  router: { url: string; generation: string } | null;
}

const SETTING = "router";

const orderSchema = z.strictObject({
  startedWith: z.string(),
  router: z.strictObject({
    url: z.string(),
    generation: z.string().regex(/^[0-9a-f]{64}$/),
  }).nullable(),
}) satisfies z.ZodType<RouterOrder>;

/** The router's file on this machine's disk, and the order that it is in place. */
export class KeptRouter {
  readonly #directory: string;
  readonly #registry: Pick<Registry, "setting" | "setSetting">;

  constructor(directory: string, registry: Pick<Registry, "setting" | "setSetting">) {
    this.#directory = directory;
    this.#registry = registry;
  }

  /** Null where none was given, or what is noted makes no sense. */
  order(): RouterOrder | null {
    const text = this.#registry.setting(SETTING);
    if (text === null) return null;
    try {
      return orderSchema.parse(JSON.parse(text));
    } catch {
      return null;
    }
  }

  /** Durable when it returns. */
  note(order: RouterOrder): void {
    this.#registry.setSetting(SETTING, JSON.stringify(order));
  }

  /** Writes a file durably. @throws {WeftError} `disk_full`, or `unavailable`. */
  async keep(file: Uint8Array, generation: string): Promise<void> {
    const path = this.#pathOf(generation);
    const part = `${path}.part`;
    try {
      await mkdir(this.#directory, { recursive: true, mode: 0o700 });
      await Deno.writeFile(part, file, { mode: 0o600 });
      await sync(part);
      await rename(part, path);
      await sync(this.#directory);
    } catch (error) {
      await rm(part, { force: true }).catch(() => {});
      const known = asDiskError(error);
      if (known instanceof WeftError) throw known;
      const why = codeOf(error) ?? "unknown";
      throw new WeftError("unavailable", `the router's folder cannot be written (${why})`, {
        cause: error,
      });
    }
  }

  /** @throws {WeftError} `unavailable` when it is not there as it was. */
  async read(generation: string): Promise<Uint8Array<ArrayBuffer>> {
    const file = await Deno.readFile(this.#pathOf(generation)).catch((cause) => {
      const why = codeOf(cause) ?? "unknown";
      throw new WeftError("unavailable", `its file on this disk cannot be read (${why})`, {
        cause,
      });
    });
    if (sha256Of(file) === generation) return file;
    throw new WeftError("unavailable", "its file on this disk is damaged; order it again");
  }

  /** Deletes every file but this one's. What can't be deleted stays, and is tried again next time. */
  async removeOthers(generation: string | null): Promise<void> {
    const kept = generation === null ? "" : `${generation}.onnx`;
    const names = await readdir(this.#directory).catch(() => []);
    for (const name of names) {
      if (name !== kept) await rm(join(this.#directory, name), { force: true }).catch(() => {});
    }
  }

  #pathOf(generation: string): string {
    return join(this.#directory, `${generation}.onnx`);
  }
}

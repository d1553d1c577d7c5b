import { readdir, stat } from "node:fs/promises";
import { basename, join, resolve } from "node:path";
import { messageOf, WeftError } from "../../engine/core/errors.ts";
import { CONFIG_FILE, PICKLE_FILE, WEIGHTS_FILE } from "../peft/mod.ts";
import type { AdapterCatalogue, NamedSource } from "../source.ts";
import { LocalSource, type LocalSourceOptions } from "./local.ts";

/** What makes a directory an adapter, be it an incomplete one. */
const MARKS: readonly string[] = [CONFIG_FILE, WEIGHTS_FILE, PICKLE_FILE];

/**
 * The PEFT adapters in a directory's sub-directories, named like them; or the directory itself, where it is
 * an adapter. Sub-directories without an adapter's files are passed over.
 *
 * `list` throws WeftError `bad_adapter` when the directory cannot be read.
 */
export function directoryCatalogue(path: string, options: LocalSourceOptions): AdapterCatalogue {
  return {
    async list(): Promise<NamedSource[]> {
      const root = resolve(path);
      const entries = await readdir(root).catch((error) => {
        throw new WeftError(
          "bad_adapter",
          `Cannot open the adapter directory ${JSON.stringify(path)}: ${messageOf(error)}`,
          { cause: error },
        );
      });
      if (entries.includes(CONFIG_FILE)) return [named(root, options)];
      const directories = entries.map((entry) => join(root, entry));
      const isFound = await Promise.all(directories.map(isAdapter));
      return directories.filter((_, index) => isFound[index]).map((path) => named(path, options));
    },
  };
}

/** Adapters named one by one. */
export function listedCatalogue(
  adapters: readonly { name: string; path: string }[],
  options: LocalSourceOptions,
): AdapterCatalogue {
  const sources = adapters.map(({ name, path }) => ({
    name,
    source: new LocalSource(resolve(path), options),
  }));
  return { list: () => Promise.resolve(sources) };
}

function named(path: string, options: LocalSourceOptions): NamedSource {
  return { name: basename(path), source: new LocalSource(path, options) };
}

async function isAdapter(path: string): Promise<boolean> {
  if (!await stat(path).then((found) => found.isDirectory(), () => false)) return false;
  const entries = await readdir(path).catch(() => []);
  return entries.some((entry) => MARKS.includes(entry));
}

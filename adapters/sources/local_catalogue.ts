import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { messageOf } from "../../engine/core/errors.ts";
import type { AdapterCatalogue, ListedAdapter } from "../origin.ts";
import { CONFIG_FILE } from "../peft/mod.ts";
import { adapterError } from "../reasons.ts";
import { MARKS, withGoodNames } from "./listing.ts";
import { isDirectory } from "./local_files.ts";
import { LocalSource } from "./local_source.ts";

/**
 * The PEFT adapters in a directory's sub-directories, named like them; or the directory itself, where it is
 * an adapter. Sub-directories without an adapter's files are passed over.
 */
export function localCatalogue(
  root: string,
  { maxBytes }: { maxBytes: number },
): AdapterCatalogue {
  const named = (path: string): ListedAdapter => ({
    name: basename(path),
    url: path,
    source: new LocalSource(path, { maxBytes }),
  });
  return {
    location: root,
    isLocal: true,
    async list(signal, report) {
      signal.throwIfAborted();
      const entries = await readdir(root).catch((error) => {
        throw adapterError(
          error?.code === "ENOENT" ? "missing_file" : "bad_adapter",
          `Cannot open the adapter directory ${JSON.stringify(root)}: ${messageOf(error)}`,
          { cause: error },
        );
      });
      if (entries.includes(CONFIG_FILE)) return withGoodNames([named(root)], report);
      const directories = entries.map((entry) => join(root, entry));
      const isFound = await Promise.all(directories.map(isAdapter));
      return withGoodNames(directories.filter((_, i) => isFound[i]).map(named), report);
    },
  };
}

async function isAdapter(path: string): Promise<boolean> {
  if (!await isDirectory(path)) return false;
  const entries = await readdir(path).catch(() => []);
  return entries.some((entry) => MARKS.includes(entry));
}

import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

const SOURCE = /\.(ts|wgsl|py|md|json|yml|yaml|sh)$/;
/** Installed, generated or trained, not written: nothing here follows the rules of the house. */
const SKIPPED = new Set(["node_modules", "models", "tests/fixtures", "tools/demo/work"]);

/** One source file: its path from the root with forward slashes, and its text. */
export interface SourceFile {
  path: string;
  text: string;
}

/** The project's own source and documentation files, sorted by path. Dot folders are left out. */
export async function readSourceFiles(root: string): Promise<SourceFile[]> {
  const files: SourceFile[] = [];
  async function walk(folder: string): Promise<void> {
    for (const entry of await readdir(join(root, folder), { withFileTypes: true })) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      if (entry.name.startsWith(".") || SKIPPED.has(path)) continue;
      if (entry.isDirectory()) await walk(path);
      else if (entry.isFile() && SOURCE.test(entry.name)) {
        files.push({ path, text: await readFile(join(root, path), "utf8") });
      }
    }
  }
  await walk("");
  return files.sort((a, b) => a.path < b.path ? -1 : 1);
}

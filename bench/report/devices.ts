import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { slugOf } from "../environment.ts";
import { readLines, type ResultLine } from "../results_file.ts";

/** The latest results of one device. */
export interface Device {
  /** As in file names: `llvmpipe`. */
  slug: string;
  lines: readonly ResultLine[];
}

/** Of each device the latest file of a folder, or the one file that is named; software drivers first. */
export async function readDevices(
  { folder, file }: { folder: string; file: string | null },
): Promise<Device[]> {
  const paths = file !== null
    ? [file]
    : latest(await readdir(folder)).map((name) => join(folder, name));
  const devices: Device[] = [];
  for (const path of paths) {
    const lines = await readLines(path);
    if (lines.length > 0) devices.push({ slug: slugOf(lines[0].adapter), lines });
  }
  return devices.sort((a, b) => Number(b.lines[0].isSoftware) - Number(a.lines[0].isSoftware));
}

/** Names like `2026-11-28-llvmpipe.jsonl`; the last date of each device. */
export function latest(names: readonly string[]): string[] {
  const bySlug = new Map<string, string>();
  for (const name of [...names].sort()) {
    const slug = /^\d{4}-\d\d-\d\d-(.+)\.jsonl$/.exec(name)?.[1];
    if (slug !== undefined) bySlug.set(slug, name);
  }
  return [...bySlug.values()];
}

import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PLACE = fileURLToPath(new URL("../../../.weft/test-services/", import.meta.url));
const STAMP = "installed.txt";

/** The folder that a service is installed in. */
export function placeOf(service: string): string {
  return join(PLACE, service);
}

export interface InstallOptions {
  /** Whatever the installation depends on: another one is made once it differs. */
  stamp: string;
  fill(folder: string): Promise<void>;
}

/**
 * Fills a service's folder, which appears whole or not at all.
 *
 * @returns whether there was anything to do.
 */
export async function installOnce(
  place: string,
  { stamp, fill }: InstallOptions,
): Promise<boolean> {
  const present = await readFile(join(place, STAMP), "utf8").catch(() => null);
  if (present === stamp) return false;
  const folder = `${place}.${Deno.pid}.part`;
  try {
    await mkdir(folder, { recursive: true });
    await fill(folder);
    await writeFile(join(folder, STAMP), stamp);
    await rm(place, { recursive: true, force: true });
    await rename(folder, place);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return true;
}

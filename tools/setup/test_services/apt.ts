import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { run } from "../command.ts";

/** The loader that runs a program is the system's, and so must its libraries be. */
const SYSTEM_ONLY = /^libc(?:6|-bin)_/;

const DOWNLOAD = ["install", "--yes", "--download-only", "--no-install-recommends"];
const ENV = { LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" };
const SETTINGS = [
  // Nothing of the system's is written to.
  "Debug::NoLocking=1",
  "Dir::Cache::pkgcache=",
  "Dir::Cache::srcpkgcache=",
  "Dir::Log=/dev/null",
  // The user that root hands downloads to can't write to the folder.
  "APT::Sandbox::User=root",
  "Acquire::Languages=none",
];

export interface Downloads {
  /** The packages' files. */
  files: string[];
  /** Why there are none. */
  problem?: string;
}

/**
 * Downloads a Debian package and what it needs beyond what is installed, into a folder; installs nothing and needs
 * no root. Takes the system's package lists; where these are missing or too old, it fetches its own.
 */
export async function downloadPackages(
  name: string,
  folder: string,
  env: Record<string, string> = {},
): Promise<Downloads> {
  const archives = join(folder, "archives");
  const lists = join(folder, "lists");
  for (const path of [archives, lists]) await mkdir(join(path, "partial"), { recursive: true });

  const own = [`Dir::State::lists=${lists}`];
  const apt = (args: readonly string[], settings: readonly string[]) =>
    run(["apt-get", ...options([...SETTINGS, ...settings]), ...args], { ...ENV, ...env });
  const download = (settings: readonly string[]) =>
    apt([...DOWNLOAD, name], [...settings, `Dir::Cache::archives=${archives}`]);
  let result = await download([]);
  if (!result.success) {
    // A source that can't be reached fails the update, but needn't be the one that is needed.
    await apt(["update"], own);
    result = await download(own);
  }
  if (!result.success) return { files: [], problem: result.tail };
  const files = (await readdir(archives)).filter((file) => file.endsWith(".deb"));
  return {
    files: files.filter((file) => !SYSTEM_ONLY.test(file)).map((file) => join(archives, file)),
  };
}

function options(settings: readonly string[]): string[] {
  return settings.flatMap((setting) => ["-o", setting]);
}

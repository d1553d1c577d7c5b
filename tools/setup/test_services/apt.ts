import { mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { type CommandResult, run } from "../command.ts";

/** The loader that runs a program is the system's, and so must its libraries be. */
const SYSTEM_ONLY = /^libc(?:6|-bin)_/;

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
export async function downloadPackages(name: string, folder: string): Promise<Downloads> {
  const archives = join(folder, "archives");
  const lists = join(folder, "lists");
  for (const path of [archives, lists]) await mkdir(join(path, "partial"), { recursive: true });

  const own = [`Dir::State::lists=${lists}`];
  let result = await download(name, [`Dir::Cache::archives=${archives}`]);
  if (!result.success) {
    // A source that can't be reached fails the update, but needn't be the one that is needed.
    await apt(["update"], own);
    result = await download(name, [...own, `Dir::Cache::archives=${archives}`]);
  }
  if (!result.success) return { files: [], problem: result.tail };
  const files = (await readdir(archives)).filter((file) => file.endsWith(".deb"));
  return {
    files: files.filter((file) => !SYSTEM_ONLY.test(file)).map((file) => join(archives, file)),
  };
}

function download(name: string, settings: readonly string[]): Promise<CommandResult> {
  return apt(["install", "--yes", "--download-only", "--no-install-recommends", name], settings);
}

function apt(args: readonly string[], settings: readonly string[]): Promise<CommandResult> {
  const all = [
    "Debug::NoLocking=1",
    // Nothing of the system's is written to.
    "Dir::Cache::pkgcache=",
    "Dir::Cache::srcpkgcache=",
    "Dir::Log=/dev/null",
    // The user that root hands downloads to can't write to this folder.
    "APT::Sandbox::User=root",
    "Acquire::Languages=none",
    ...settings,
  ];
  const options = all.flatMap((setting) => ["-o", setting]);
  return run(["apt-get", ...options, ...args], { LC_ALL: "C", DEBIAN_FRONTEND: "noninteractive" });
}

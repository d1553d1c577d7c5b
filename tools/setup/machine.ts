import { readFile } from "node:fs/promises";

/** What the plan needs to know about the machine. */
export interface Machine {
  os: typeof Deno.build.os;
  /** `ID` and then `ID_LIKE` of os-release, most specific first; empty where there is none. */
  distributions: readonly string[];
  isRoot: boolean;
}

/** Reads the facts from this machine. */
export async function readMachine(): Promise<Machine> {
  const release = await readFile("/etc/os-release", "utf8").catch(() => "");
  return {
    os: Deno.build.os,
    distributions: parseDistributions(release),
    isRoot: Deno.uid() === 0,
  };
}

/** The distribution's own name and those it descends from, from the text of os-release(5). */
export function parseDistributions(osRelease: string): string[] {
  const names: string[] = [];
  for (const key of ["ID", "ID_LIKE"]) {
    const value = osRelease.match(new RegExp(`^${key}=(.*)$`, "m"))?.[1] ?? "";
    names.push(...value.trim().replace(/^(["'])(.*)\1$/, "$2").split(/\s+/).filter(Boolean));
  }
  return names;
}

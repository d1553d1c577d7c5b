import { WeftError } from "../engine/core/errors.ts";

/** Where figures come from; goes into every line of the results. */
export interface Environment {
  /** The GPU, or the software driver. */
  adapter: string;
  /** Its driver's version, where the system tells. */
  driver: string;
  /** A software driver: it computes on the CPU. */
  isSoftware: boolean;
  deno: string;
  /** With a + where files differ from it. */
  commit: string;
  /** When the run began, ISO 8601 to the second. */
  date: string;
  os: string;
  cores: number;
}

/** @throws {WeftError} `unavailable` without a WebGPU adapter. */
export async function readEnvironment(): Promise<Environment> {
  const adapter = await navigator.gpu.requestAdapter({ powerPreference: "high-performance" });
  if (!adapter) {
    throw new WeftError("unavailable", "Cannot measure: no WebGPU adapter; run `deno task setup`");
  }
  const { description, device, vendor, isFallbackAdapter } = adapter.info;
  return {
    adapter: description || device || vendor,
    driver: await driverVersion(),
    isSoftware: isFallbackAdapter,
    deno: Deno.version.deno,
    commit: await commit(),
    date: new Date().toISOString().slice(0, 19) + "Z",
    os: `${Deno.build.os} ${Deno.build.arch}`,
    cores: navigator.hardwareConcurrency,
  };
}

/** The name in a results file: `llvmpipe`, `nvidia-h100-80gb-hbm3`. */
export function slugOf(adapter: string): string {
  return adapter.replace(/\(.*\)/, "").trim().toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
}

/** WebGPU doesn't tell. */
async function driverVersion(): Promise<string> {
  const nvidia = await outputOf("nvidia-smi", [
    "--query-gpu=driver_version",
    "--format=csv,noheader",
  ]);
  if (nvidia) return `NVIDIA ${nvidia.split("\n")[0]}`;
  const mesa = await outputOf("dpkg-query", ["-W", "-f=${Version}", "mesa-vulkan-drivers"]);
  return mesa ? `Mesa ${mesa}` : "unknown";
}

async function commit(): Promise<string> {
  const head = await outputOf("git", ["rev-parse", "--short", "HEAD"]);
  if (!head) return "unknown";
  return await outputOf("git", ["status", "--porcelain", "--untracked-files=no"])
    ? `${head}+`
    : head;
}

/** Null where there is no such program, or it fails. */
async function outputOf(program: string, args: string[]): Promise<string | null> {
  try {
    const { success, stdout } = await new Deno.Command(program, { args, stderr: "null" }).output();
    return success ? new TextDecoder().decode(stdout).trim() : null;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/** What a fresh process finds when it asks WebGPU for an adapter. */
export interface ProbedAdapter {
  description: string;
  /** True for a software driver such as llvmpipe. */
  isFallback: boolean;
}

const PROBE = `
const adapter = await navigator.gpu.requestAdapter();
const info = adapter?.info;
console.log(JSON.stringify(info
  ? { description: info.description || info.vendor, isFallback: info.isFallbackAdapter }
  : null));
`;

/**
 * Asks for an adapter in a process of its own: a driver that was installed a moment ago is invisible
 * to a process that has already looked, and a driver that crashes takes only the probe with it.
 *
 * @returns the adapter, or null where there is none or its driver crashed.
 */
export async function probeAdapter(
  environment: Record<string, string> = {},
): Promise<ProbedAdapter | null> {
  const { success, stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--no-lock", "--no-config", PROBE],
    env: { NO_COLOR: "1", ...environment },
    stdout: "piped",
    stderr: "null",
  }).output();
  if (!success) return null;
  return parseProbe(new TextDecoder().decode(stdout));
}

/** Reads the probe's last line: a driver may have written lines of its own before it. */
export function parseProbe(output: string): ProbedAdapter | null {
  const line = output.trim().split("\n").at(-1) ?? "";
  try {
    return JSON.parse(line) as ProbedAdapter | null;
  } catch {
    return null;
  }
}

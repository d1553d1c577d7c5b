import { StateDir } from "../adapters/state_dir.ts";
import { ServerProcess } from "../../tests/e2e/server_process.ts";
import type { SeriesGroup } from "../series.ts";

const MB = 1e6;

/**
 * From the process's start to ready, and the host's memory then beyond that of a process that only opened
 * a device. A software driver's device memory is the host's: weights and cache count there.
 */
export function startGroup(): SeriesGroup {
  return {
    name: "start",
    title: "Start of the server, demo pack",
    series: [{
      name: "server",
      unit: { ready: "s", memory: "MB", own_memory: "MB" },
      round: async () => {
        const { ready, bytes } = await startServer();
        const idle = await idleBytes();
        return { ready, memory: (bytes - idle) / MB, own_memory: idle / MB };
      },
    }],
  };
}

async function startServer(): Promise<{ ready: number; bytes: number }> {
  using state = new StateDir();
  const start = performance.now();
  const server = new ServerProcess({ flags: ["--port", "0"], stateDir: state.path });
  await server.url();
  const ready = (performance.now() - start) / 1000;
  const bytes = await residentBytes(server.pid);
  server.kill("SIGTERM");
  await server.exit();
  return { ready, bytes };
}

/** A process of Deno's with a device and a buffer on it. */
async function idleBytes(): Promise<number> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--cached-only",
      new URL("./idle_process.ts", import.meta.url).href,
    ],
    stdin: "piped",
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  const reader = child.stdout.getReader();
  const { done } = await reader.read();
  if (done) throw new Error("the idle process ended at once: has it a WebGPU adapter?");
  const bytes = await residentBytes(child.pid);
  await child.stdin.close();
  await reader.cancel();
  await child.status;
  return bytes;
}

/** Asked of `cat`, as Deno itself may read /proc only with every permission. Linux only. */
async function residentBytes(pid: number): Promise<number> {
  if (Deno.build.os !== "linux") throw new Error("memory is only known on Linux");
  const args = [`/proc/${pid}/status`];
  const { stdout } = await new Deno.Command("cat", { args }).output();
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(new TextDecoder().decode(stdout))!;
  return 1024 * Number(kib);
}

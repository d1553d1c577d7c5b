import { StateDir } from "../adapters/state_dir.ts";
import { ServerProcess } from "../../tests/e2e/server_process.ts";
import type { SeriesGroup } from "../series.ts";

const MB = 1e6;

/** Memory is read once it has grown by less than this in a second: kernels are compiled after the start, too. */
const STEADY_MB = 1;

/**
 * From the process's start to ready, and the memory a while later beyond that of a process that only opened a
 * device: all of it, the engine's buffers on the device, and the host's own. A software driver's device memory is
 * the host's, so it is taken off there.
 */
export function startGroup(): SeriesGroup {
  return {
    name: "start",
    title: "Start of the server, demo pack",
    series: [{
      name: "server",
      unit: {
        ready: "s",
        memory: "MB",
        device_memory: "MB",
        host_memory: "MB",
        own_memory: "MB",
      },
      round: async () => {
        const { ready, bytes, deviceBytes, isSoftware } = await startServer();
        const idle = await idleBytes();
        const memory = (bytes - idle) / MB;
        return {
          ready,
          memory,
          device_memory: deviceBytes / MB,
          host_memory: isSoftware ? memory - deviceBytes / MB : memory,
          own_memory: idle / MB,
        };
      },
    }],
  };
}

async function startServer() {
  using state = new StateDir();
  const start = performance.now();
  const server = new ServerProcess({ flags: ["--port", "0"], stateDir: state.path });
  const url = await server.url();
  const ready = (performance.now() - start) / 1000;
  const bytes = await steadyBytes(server.pid);
  const page = await (await fetch(`${url}/metrics`)).text();
  const [, deviceBytes] = /^weft_device_memory_bytes (\S+)$/m.exec(page)!;
  server.kill("SIGTERM");
  await server.exit();
  const isSoftware = server.stdout.includes("(software driver)");
  return { ready, bytes, deviceBytes: Number(deviceBytes), isSoftware };
}

async function steadyBytes(pid: number): Promise<number> {
  for (let before = 0;;) {
    const bytes = await residentBytes(pid);
    if (bytes - before < STEADY_MB * MB) return bytes;
    before = bytes;
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
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

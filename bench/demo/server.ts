import { type Figure, format } from "../measure.ts";

const STARTS = 3;

/** Starts the server as `deno task start` does, and stops it: time until ready, and memory. */
export async function measureServer(): Promise<Figure[]> {
  const times: number[] = [];
  let peakKb = 0;
  for (let i = 0; i < STARTS; i++) {
    const { readyMs, peak } = await startOnce();
    times.push(readyMs);
    peakKb = Math.max(peakKb, peak ?? 0);
  }
  const figures = [{
    what: "process start to ready",
    value: `${format(Math.min(...times) / 1000, "s")} to ${format(Math.max(...times) / 1000, "s")}`,
  }];
  if (peakKb > 0) {
    figures.push({
      what: "peak memory of the server, driver's included",
      value: format(peakKb / 1024, "MiB"),
    });
  }
  return figures;
}

async function startOnce(): Promise<{ readyMs: number; peak: number | null }> {
  const start = performance.now();
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--allow-read",
      "--allow-write=.weft",
      "--allow-env",
      "--allow-sys",
      "--allow-net=127.0.0.1",
      "main.ts",
      "--state-dir",
      ".weft/bench/demo",
      "--port",
      "0",
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let readyMs = 0;
  let output = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    output += text;
    if (!output.includes("Ready at")) continue;
    readyMs = performance.now() - start;
    break;
  }
  if (readyMs === 0) throw new Error(`the server ended with code ${(await child.status).code}`);
  const peak = await peakMemoryKb(child.pid);
  child.kill("SIGTERM");
  await child.status;
  return { readyMs, peak };
}

/** Linux only; null elsewhere. */
async function peakMemoryKb(pid: number): Promise<number | null> {
  if (Deno.build.os !== "linux") return null;
  // Deno itself may not read /proc without every permission.
  const { stdout } = await new Deno.Command("grep", { args: ["VmHWM", `/proc/${pid}/status`] })
    .output();
  return Number(new TextDecoder().decode(stdout).match(/\d+/)?.[0] ?? 0);
}

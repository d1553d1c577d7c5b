/** A process that works a disk cache as fast as it can, to be killed at any moment. */
import { DiskCache, StateLock } from "../../../adapters/disk/mod.ts";
import { example, keep, write } from "./contents.ts";

/** Room for some ten of the worker's adapters. */
export const WORKER_BUDGET = 200_000;

if (import.meta.main) await work(Deno.args[0]);

async function work(directory: string): Promise<void> {
  using _lock = await StateLock.acquire(directory);
  const cache = await DiskCache.open({ directory, maxBytes: WORKER_BUDGET });
  console.log("ready");
  const known: string[] = [];
  for (;;) {
    const one = await example(random(10_000_000), 10_000 + random(20_000));
    if (random(5) === 0) {
      const staging = await cache.stage();
      await write(staging.path, one.files);
      await staging.drop();
    }
    await keep(cache, one);
    console.log(one.generation);
    await cache.read(known[random(known.length)] ?? one.generation);
    if (random(4) === 0 && known.length > 0) await cache.remove(known[random(known.length)]);
    known.push(one.generation);
    if (known.length > 12) known.shift();
  }
}

function random(below: number): number {
  return Math.floor(Math.random() * below);
}

/** Starts one, and waits until it has the cache open. */
export async function startWorker(directory: string) {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-prompt",
      "--no-check",
      "--cached-only",
      `--allow-read=${directory}`,
      `--allow-write=${directory}`,
      import.meta.url,
      directory,
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  let output = "";
  const ready = Promise.withResolvers<void>();
  const reading = (async () => {
    for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
      output += text;
      if (output.startsWith("ready\n")) ready.resolve();
    }
    ready.reject(new Error("the worker ended before it was ready"));
  })();
  await ready.promise;
  return {
    pid: child.pid,
    /** Ends it with SIGKILL; returns what it said it had kept, in order. */
    async kill(): Promise<string[]> {
      child.kill("SIGKILL");
      await child.status;
      await reading;
      return output.split("\n").slice(1, -1);
    },
  };
}

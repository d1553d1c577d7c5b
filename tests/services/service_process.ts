import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const START_MS = 60_000;
const STOP_MS = 5_000;
const LOOK_MS = 25;

export interface ServiceOptions {
  name: string;
  /** The program and its arguments; it ends when its standard input does. */
  command(folder: string): readonly string[];
  env?: Record<string, string>;
  cwd?: string;
  /** Finds the port in what the service prints. */
  listening: RegExp;
}

/** A server on a free port of 127.0.0.1 that ends with the process that started it, however that ends. */
export class ServiceProcess implements AsyncDisposable {
  readonly port: number;
  readonly #child: Deno.ChildProcess;
  readonly #folder: string;

  private constructor(
    child: Deno.ChildProcess,
    { folder, port }: { folder: string; port: number },
  ) {
    this.#child = child;
    this.#folder = folder;
    this.port = port;
  }

  /** Starts it, and says how long that took. @throws {Error} with what the service printed. */
  static async start(options: ServiceOptions): Promise<ServiceProcess> {
    const start = performance.now();
    const folder = await mkdtemp(join(tmpdir(), `weft-${options.name}-`));
    const data = join(folder, "data");
    await mkdir(data);
    const log = join(folder, "log.txt");
    // Into a file: a pipe that no one reads would stop it one day.
    const child = new Deno.Command("sh", {
      args: ["-c", 'exec "$@" >"$0" 2>&1', log, ...options.command(data)],
      env: options.env,
      cwd: options.cwd,
      stdin: "piped",
      stdout: "null",
      stderr: "null",
    }).spawn();
    let hasEnded = false;
    child.status.then(() => hasEnded = true);
    while (performance.now() - start < START_MS) {
      const printed = await readFile(log, "utf8").catch(() => "");
      const [, port] = options.listening.exec(printed) ?? [];
      if (port !== undefined) {
        const ms = Math.round(performance.now() - start);
        console.error(`${options.name} listens on 127.0.0.1:${port}, started in ${ms} ms`);
        return new ServiceProcess(child, { folder, port: Number(port) });
      }
      if (hasEnded) break;
      await new Promise((resolve) => setTimeout(resolve, LOOK_MS));
    }
    const printed = await readFile(log, "utf8").catch(() => "");
    await end(child, folder);
    throw new Error(`${options.name} did not start. It printed:\n${printed}`);
  }

  async stop(): Promise<void> {
    await end(this.#child, this.#folder);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }
}

async function end(child: Deno.ChildProcess, folder: string): Promise<void> {
  await child.stdin.close().catch(() => {});
  const timer = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await child.status;
  clearTimeout(timer);
  await rm(folder, { recursive: true, force: true });
}

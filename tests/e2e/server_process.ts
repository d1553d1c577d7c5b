/** The real server, started as `deno task start` starts it, on a free port. */
import assert from "node:assert/strict";
import OpenAI from "openai";

/** Loading the model and compiling its kernels on a busy machine. */
const START_MS = 90_000;
/** From SIGTERM to the process's end, with nothing running. */
const STOP_MS = 20_000;
const IDLE_MS = 20_000;
const LOG_MS = 5_000;

export interface ServerOptions {
  flags?: readonly string[];
  /** Its `--state-dir`, which then outlives it; without, it has one of its own that doesn't. */
  stateDir?: string;
  /** The hosts it may connect to and listen on; all but metadata addresses unless told. */
  allowNet?: string;
  /** Variables beside those of `deno task start`. */
  env?: Readonly<Record<string, string>>;
  /** What the client sends as its key. */
  apiKey?: string;
}

/** A server process from its start to its exit. */
export class ServerProcess {
  readonly #child: Deno.ChildProcess;
  readonly #output: Promise<unknown>;
  readonly #url = Promise.withResolvers<string>();
  readonly #ownStateDir: string | null;
  /** What it wrote so far. */
  stdout = "";
  stderr = "";

  constructor({ flags = [], stateDir, allowNet, env = {} }: Omit<ServerOptions, "apiKey">) {
    this.#ownStateDir = stateDir === undefined ? Deno.makeTempDirSync() : null;
    const state = stateDir ?? this.#ownStateDir!;
    const command = startCommand({ stateDir: state, allowNet });
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [...command.args, "--state-dir", state, ...flags],
      env: { ...command.env, ...env },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#url.promise.catch(() => {}); // Only `url()` is told.
    this.#output = Promise.all([
      each(this.#child.stdout, (text) => {
        this.stdout += text;
        const [, url] = /^Ready at +(\S+)\n/m.exec(this.stdout) ?? [];
        if (url !== undefined) this.#url.resolve(url);
      }),
      each(this.#child.stderr, (text) => this.stderr += text),
    ]).then(() => this.#url.reject(new Error(`The server ended before it was ready`)));
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** Where it listens, once it does. */
  url(): Promise<string> {
    return within(START_MS, this.#url.promise, "start");
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** The exit code, once all it wrote is here too. A server that doesn't end in time is killed. */
  async exit(ms = STOP_MS): Promise<number> {
    try {
      const { code } = await within(ms, this.#child.status, "end");
      return code;
    } catch (error) {
      this.kill("SIGKILL");
      await this.#child.status;
      throw error;
    } finally {
      await this.#output;
      if (this.#ownStateDir !== null) await removeFolder(this.#ownStateDir);
    }
  }

  /** Its log, parsed. Every line it writes to stderr must be one: noise there is a fault. */
  logs(): LogLine[] {
    return this.stderr.split("\n").slice(0, -1).map((line) => {
      try {
        return JSON.parse(line);
      } catch {
        throw new Error(`Not a line of the log: ${line}`);
      }
    });
  }
}

// deno-lint-ignore no-explicit-any -- log lines and answers have many shapes; a test fails where one differs
export type Json = any;
export type LogLine = Record<string, Json>;

/** A server that is ready, and what a test wants of it. */
export interface TestServer {
  process: ServerProcess;
  url: string;
  /** Doesn't retry. */
  client: OpenAI;
  /** The base model's name, and its adapters'. */
  base: string;
  adapters: string[];
  /** Its context, in tokens. */
  maxModelLen: number;
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  /** The values of /metrics without labels. */
  metrics(): Promise<Map<string, number>>;
  /** The latest such line of the log, which may take a moment to come. */
  logged(matches: (line: LogLine) => boolean): Promise<LogLine>;
  /** Waits until `done` holds of the metrics. */
  until(done: (metrics: Map<string, number>) => boolean): Promise<void>;
  /** Waits until nothing runs, waits or holds memory or adapters. */
  idle(): Promise<void>;
}

/** Starts a server and looks up what it serves. */
export async function startServer(
  { apiKey = "none", flags = [], ...options }: ServerOptions = {},
): Promise<TestServer> {
  const process = new ServerProcess({ ...options, flags: ["--port", "0", ...flags] });
  let url: string;
  try {
    url = await process.url();
  } catch (error) {
    await process.exit(1000).catch(() => {});
    throw withLog(error, process);
  }
  const client = new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 });
  const { data: models }: { data: Json[] } = await client.models.list();
  const base: string = models[0].id;
  const adapters: string[] = models.filter(({ parent }) => parent !== null).map(({ id }) => id);
  async function metrics(): Promise<Map<string, number>> {
    const page = await (await fetch(`${url}/metrics`)).text();
    return new Map(
      [...page.matchAll(/^(\w+) (\S+)$/gm)].map(([, name, value]) => [name, Number(value)]),
    );
  }
  async function until(done: (metrics: Map<string, number>) => boolean): Promise<void> {
    const deadline = performance.now() + IDLE_MS;
    for (;;) {
      const now = await metrics();
      if (done(now)) return;
      assert.ok(
        performance.now() < deadline,
        `the metrics never came to it: ${JSON.stringify([...now])}`,
      );
      await pause(20);
    }
  }
  async function logged(matches: (line: LogLine) => boolean): Promise<LogLine> {
    const deadline = performance.now() + LOG_MS;
    for (;;) {
      const line = process.logs().findLast(matches);
      if (line !== undefined) return line;
      assert.ok(performance.now() < deadline, `the log never had ${matches}`);
      await pause(10);
    }
  }
  return {
    process,
    url,
    client,
    base,
    adapters,
    maxModelLen: models[0].max_model_len,
    metrics,
    logged,
    until,
    idle: () => until((metrics) => BUSY.every((name) => metrics.get(name) === 0)),
    post: (path, body, init = {}) =>
      fetch(url + path, {
        ...init,
        method: "POST",
        headers: { "content-type": "application/json", ...init.headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
  };
}

const BUSY = [
  "weft_requests_running",
  "weft_requests_waiting",
  "weft_prompt_tokens_waiting",
  "weft_kv_cache_usage_ratio",
  "weft_adapters_pinned",
];

/**
 * Runs `body` against a server of its own, which must be idle afterwards, end with code 0 at SIGTERM,
 * and have written nothing but its log. A failure brings the log along.
 */
export async function withServer(
  options: ServerOptions,
  body: (server: TestServer) => Promise<void>,
): Promise<void> {
  const server = await startServer(options);
  try {
    await body(server);
    await server.idle();
    server.process.kill("SIGTERM");
    assert.equal(await server.process.exit(), 0, "the exit code after SIGTERM");
    server.process.logs();
  } catch (error) {
    try {
      server.process.kill("SIGKILL");
    } catch { /* it has ended */ }
    await server.process.exit();
    throw withLog(error, server.process);
  }
}

/** Steps of one test share a server; the first that fails ends the test, log and all. */
export function stepsOf(t: Deno.TestContext) {
  return async (
    name: string,
    body: () => Promise<void>,
    { ignore = false }: { ignore?: boolean } = {},
  ): Promise<void> => {
    const passed = await t.step({ name, ignore, fn: body });
    if (!passed && !ignore) throw new Error(`"${name}" failed`);
  };
}

export function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Asked of `cat`, as Deno lets tests read /proc only with all permissions. */
export async function rssMib({ process }: Pick<TestServer, "process">): Promise<number> {
  const args = [`/proc/${process.pid}/status`];
  const { stdout } = await new Deno.Command("cat", { args }).output();
  const [, kib] = /^VmRSS:\s+(\d+) kB$/m.exec(new TextDecoder().decode(stdout))!;
  return Math.round(Number(kib) / 1024);
}

/** `deno task start`'s variables and arguments, with `stateDir` as the one place to write to. */
function startCommand(
  { stateDir, allowNet }: { stateDir: string; allowNet?: string },
): { env: Record<string, string>; args: string[] } {
  const { tasks } = JSON.parse(Deno.readTextFileSync("deno.json"));
  const words: string[] = tasks.start.command.split(" ");
  const program = words.indexOf("deno");
  assert.ok(program >= 0, "the start task runs deno");
  assert.ok(words.includes("--allow-net"), "the start task allows the whole network");
  return {
    env: Object.fromEntries(words.slice(0, program).map((word) => word.split("=", 2))),
    args: words.slice(program + 1).map((word) => {
      if (word.startsWith("--allow-write=")) return `--allow-write=${stateDir}`;
      return word === "--allow-net" && allowNet !== undefined ? `${word}=${allowNet}` : word;
    }),
  };
}

/** A process that was killed has closed its files by now, but a second `exit` finds nothing. */
async function removeFolder(path: string): Promise<void> {
  await Deno.remove(path, { recursive: true }).catch((error) => {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  });
}

async function each(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
  take: (text: string) => void,
): Promise<void> {
  for await (const text of stream.pipeThrough(new TextDecoderStream())) take(text);
}

async function within<T>(ms: number, promise: Promise<T>, what: string): Promise<T> {
  const timeout = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => timeout.reject(new Error(`The server did not ${what} within ${ms} ms`)),
    ms,
  );
  try {
    return await Promise.race([promise, timeout.promise]);
  } finally {
    clearTimeout(timer);
  }
}

function withLog(error: unknown, { stdout, stderr }: ServerProcess): Error {
  const message = error instanceof Error ? error.message : String(error);
  const log = `${stdout}\n${stderr}`.trim().split("\n").slice(-40).join("\n");
  return new Error(`${message}\n--- the server's output ---\n${log}`, { cause: error });
}

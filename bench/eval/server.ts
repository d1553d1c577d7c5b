import { rm } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { startServer, type TestServer } from "../../tests/e2e/server_process.ts";
import { Client, type Json } from "./client.ts";

/** All that `deno task eval` may write to beside results and report. */
const STATE = ".weft";

/** A server process, started as `deno task start` starts it, with a state of its own. */
export class EvalServer implements AsyncDisposable {
  readonly #server: TestServer;
  readonly #state: string;
  readonly client: Client;

  private constructor(server: TestServer, state: string) {
    this.#server = server;
    this.#state = state;
    this.client = new Client(server.url);
  }

  static async start(flags: readonly string[] = []): Promise<EvalServer> {
    Deno.mkdirSync(STATE, { recursive: true });
    const state = Deno.makeTempDirSync({ dir: STATE, prefix: "eval-" });
    return new EvalServer(await startServer({ flags, stateDir: state }), state);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.process.kill("SIGTERM");
    await this.#server.process.exit();
    await rm(this.#state, { recursive: true });
  }
}

/** What lets a server read these routers when it is told to. */
export function routerFlags(paths: readonly string[]): string[] {
  return [...new Set(paths.map((path) => dirname(resolve(path))))]
    .flatMap((folder) => ["--adapter-root", folder]);
}

/** Puts another router in place. */
export async function loadRouter(client: Client, path: string): Promise<void> {
  await client.post("/v1/router", { url: pathToFileURL(resolve(path)).href });
}

/** The base model's name, and the device where the server tells. */
export async function describeServer(client: Client): Promise<{ base: string; gpu: string }> {
  const { data } = await client.get("/v1/models");
  const health: Json = await client.get("/health");
  return { base: data[0].id, gpu: health.device?.description ?? health.device?.name ?? "unknown" };
}

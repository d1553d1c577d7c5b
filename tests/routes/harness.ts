import assert from "node:assert/strict";
import {
  type AppDeps,
  type ConnectionInfo,
  createApp,
  createLogger,
  createMetrics,
  Lifecycle,
  MAX_BODY_BYTES,
  type RouteSettings,
} from "../../routes/mod.ts";
import { ClassBinding, RouterSeat } from "../../adapters/mod.ts";
import { bytesOf, ByteTokenizer } from "./byte_tokenizer.ts";
import { FakeAdapters } from "./fake_adapters.ts";
import { FakeRouters } from "./fake_routers.ts";
import { FakeEngine, type FakeEngineOptions } from "./fake_engine.ts";

/** The admin token of every harness that is not told another. */
export const ADMIN_TOKEN = "admin-token-for-tests";

export interface Harness extends AppDeps {
  engine: FakeEngine;
  adapters: FakeAdapters;
  /** What routers lie at which URLs, and which is remembered. */
  routers: FakeRouters;
  seat: RouterSeat;
  classes: ClassBinding;
  app: ReturnType<typeof createApp>;
  /** The log's lines, parsed. */
  logs: Record<string, unknown>[];
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  /** A request to an admin endpoint, by `"PUT /v1/adapters/sql"`, with the token unless told otherwise. */
  admin(line: string, options?: AdminRequest): Promise<Response>;
}

export interface AdminRequest {
  body?: unknown;
  headers?: Record<string, string>;
  signal?: AbortSignal;
  /** Whose connection it is; nobody's without. */
  connection?: ConnectionInfo;
}

/** The app over fakes. */
export function createHarness(
  options: { engine?: FakeEngineOptions; settings?: Partial<RouteSettings> } = {},
): Harness {
  const engine = new FakeEngine(options.engine);
  const lifecycle = new Lifecycle();
  const logs: Record<string, unknown>[] = [];
  const routers = new FakeRouters();
  const adapters = new FakeAdapters({ sql: "aaaa", poet: "bbbb", chef: "cccc" });
  const classes = new ClassBinding({
    router: engine.router,
    adapters,
    encode: (text) => Uint32Array.from(bytesOf(text)),
    onProblem: (name, message) => logs.push({ event: "examples_not_routable", name, message }),
  });
  const seat = new RouterSeat({
    engine: engine.router,
    vocabulary: () => ({ hash: "", table: { bytes: new Uint8Array(), ends: new Uint32Array() } }),
    origins: { object: (url) => routers.object(url) },
    kept: routers.kept,
    startedWith: "",
    onChange: () => classes.routerChanged(),
  });
  const clock = { now: () => performance.now(), epochSeconds: () => 1_800_000_000 };
  const deps = {
    engine,
    tokenizer: new ByteTokenizer(),
    adapters,
    seat,
    classes,
    routers,
    settings: {
      modelName: "demo",
      modelSource: "models/demo",
      apiKeys: [],
      corsOrigins: [],
      maxBodyBytes: MAX_BODY_BYTES,
      adminToken: ADMIN_TOKEN,
      boundToLoopback: false,
      allowRequestUrls: false,
      ...options.settings,
    },
    lifecycle,
    metrics: createMetrics({
      stats: () => engine.stats(),
      adapters,
      maxAdapters: engine.info.maxAdapters,
      deviceBytes: engine.info.deviceBytes,
      lifecycle,
      clock,
      version: "test",
    }),
    logger: createLogger({
      level: "debug",
      format: "json",
      write: (line) => logs.push(JSON.parse(line)),
    }),
    clock,
  };
  const app = createApp(deps);
  return {
    ...deps,
    app,
    logs,
    post: async (path, body, headers = {}) =>
      await app.request(path, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: typeof body === "string" ? body : JSON.stringify(body),
      }),
    async admin(line, { body, headers, signal, connection } = {}) {
      const [method, path] = line.split(" ");
      const request = new Request(`http://weft${path}`, {
        method,
        signal,
        headers: {
          ...(body === undefined ? {} : { "content-type": "application/json" }),
          ...(headers ?? { authorization: `Bearer ${ADMIN_TOKEN}` }),
        },
        body: body === undefined || typeof body === "string" ? body : JSON.stringify(body),
      });
      return await app.request(request, undefined, connection ?? {});
    },
  };
}

/** A chat request with one user turn. */
export function chat(fields: Record<string, unknown> = {}): Record<string, unknown> {
  return { model: "demo", messages: [{ role: "user", content: "Hi" }], ...fields };
}

// deno-lint-ignore no-explicit-any -- tests look into JSON of many shapes, and fail where it differs
export type Json = any;

/** The payloads of an event stream; the last is "[DONE]" where the stream ended well. */
export async function readEvents(response: Response): Promise<Json[]> {
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  const text = await response.text();
  assert.ok(text.endsWith("\n\n"), "the stream ends with a whole event");
  return text.slice(0, -2).split("\n\n").map((event) => {
    assert.ok(event.startsWith("data: "), `an event of data: ${event}`);
    const data = event.slice("data: ".length);
    return data === "[DONE]" ? data : JSON.parse(data);
  });
}

/** Asserts the status and returns OpenAI's error envelope. */
export async function errorOf(response: Response, status: number): Promise<Json> {
  const body = await response.json();
  assert.equal(response.status, status, JSON.stringify(body));
  assert.deepEqual(Object.keys(body.error).sort(), ["code", "message", "param", "type"]);
  return body.error;
}

/** Waits until nothing runs and no lease is out; fails after a second. */
export async function settled(harness: Harness): Promise<void> {
  const busy = () =>
    harness.engine.running.size > 0 || harness.adapters.leased > 0 ||
    harness.lifecycle.running > 0;
  for (let i = 0; i < 200 && busy(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
  assert.deepEqual([...harness.engine.running], [], "engine requests still running");
  assert.equal(harness.adapters.leased, 0, "leases still out");
  assert.equal(harness.lifecycle.running, 0, "generations still counted");
}

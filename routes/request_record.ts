import type { Context, MiddlewareHandler } from "hono";
import type { AppDeps } from "./ports.ts";

/** What becomes of a request's log line and metrics. No prompt or answer text goes in here. */
export interface RequestRecord {
  readonly id: string;
  /** When it arrived, on the app's clock. */
  readonly arrivedAt: number;
  model?: string;
  adapters?: string;
  stream?: boolean;
  promptTokens?: number;
  cachedTokens?: number;
  completionTokens?: number;
  finishReason?: string;
  ignoredFields?: string;
  error?: string;
  /** Set by a route whose answer outlives its handler; it calls `complete` at the end. */
  deferred: boolean;
  /** Writes the log line and counts the request, once. */
  complete(status: number): void;
}

/** What the listener knows of a request's connection. */
export interface ConnectionInfo {
  remoteAddr?: Deno.Addr;
}

/** How a request proved to be an admin's: by its token, or as this machine's own user's. */
export type AdminProof = "token" | "local";

/** The values a request's handlers share. */
export interface AppEnv {
  Bindings: ConnectionInfo;
  Variables: {
    record: RequestRecord;
    /** Set on admin endpoints: how the request got in. */
    admin?: AdminProof;
  };
}

export type AppContext = Context<AppEnv>;

/** The address at the other end of the connection, without its port. Unknown where the app has no listener. */
export function peerOf(c: AppContext): string | undefined {
  const address = (c.env as ConnectionInfo | undefined)?.remoteAddr;
  return address !== undefined && "hostname" in address ? address.hostname : undefined;
}

const SANE_REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/**
 * Gives every request an id (the client's own if it is harmless in a log), returns it in
 * `x-request-id`, and writes one log line when the answer is complete.
 */
export function recordRequests(deps: AppDeps): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const given = c.req.header("x-request-id");
    const id = given !== undefined && SANE_REQUEST_ID.test(given) ? given : crypto.randomUUID();
    const record = createRecord(c, { id, deps });
    c.set("record", record);
    await next();
    c.header("x-request-id", id);
    if (!record.deferred) record.complete(c.res.status);
  };
}

function createRecord(c: AppContext, options: { id: string; deps: AppDeps }): RequestRecord {
  const { id, deps: { clock, logger, metrics } } = options;
  const { method, path } = c.req;
  const arrivedAt = clock.now();
  let completed = false;
  const record: RequestRecord = {
    id,
    arrivedAt,
    deferred: false,
    complete(status) {
      if (completed) return;
      completed = true;
      const ms = clock.now() - arrivedAt;
      metrics.request({ endpoint: endpointOf(path), status, seconds: ms / 1000 });
      const probe = PROBES.has(path);
      logger.log(status >= 500 ? "error" : probe ? "debug" : "info", "request", {
        request_id: id,
        method,
        path,
        status,
        ms: Math.round(ms * 10) / 10,
        model: record.model,
        adapters: record.adapters,
        stream: record.stream,
        prompt_tokens: record.promptTokens,
        cached_tokens: record.cachedTokens,
        completion_tokens: record.completionTokens,
        finish_reason: record.finishReason,
        ignored_fields: record.ignoredFields,
        error: record.error,
      });
    },
  };
  return record;
}

/** Asked every few seconds by machines; their log lines are for debugging only. */
const PROBES: ReadonlySet<string> = new Set(["/live", "/ready", "/health", "/metrics"]);

const ENDPOINTS: ReadonlySet<string> = new Set([
  ...PROBES,
  "/v1/models",
  "/v1/chat/completions",
  "/v1/completions",
  "/v1/adapters",
  "/v1/adapters/refresh",
  "/v1/load_lora_adapter",
  "/v1/unload_lora_adapter",
  "/v1/route",
  "/v1/router",
]);

/** A metrics label from a bounded set, whatever paths clients make up. */
function endpointOf(path: string): string {
  if (ENDPOINTS.has(path)) return path;
  if (path.startsWith("/v1/models/")) return "/v1/models/{id}";
  const adapter = /^\/v1\/adapters\/[^/]+(\/(?:pin|unpin|refresh))?$/.exec(path);
  return adapter === null ? "other" : `/v1/adapters/{name}${adapter[1] ?? ""}`;
}

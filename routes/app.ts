import { Hono } from "hono";
import { cors } from "hono/cors";
import { createAdminGuard } from "./admin_guard.ts";
import { adapterRoutes } from "./adapters/adapter_routes.ts";
import { vllmRoutes } from "./adapters/vllm_routes.ts";
import { requireApiKey } from "./auth.ts";
import { chatRoutes } from "./chat.ts";
import { completionRoutes } from "./completions.ts";
import { ApiError, describeError, replyTo } from "./errors.ts";
import { healthRoutes } from "./health.ts";
import { modelRoutes } from "./models.ts";
import type { AppDeps } from "./ports.ts";
import { type AppContext, type AppEnv, recordRequests } from "./request_record.ts";
import { routeRoutes } from "./router/route_routes.ts";
import { routerRoutes } from "./router/router_routes.ts";

/** The whole HTTP API over its parts. It owns nothing: whoever made the parts closes them. */
export function createApp(deps: AppDeps): Hono<AppEnv> {
  const { settings } = deps;
  const app = new Hono<AppEnv>();
  app.use(recordRequests(deps));
  if (settings.corsOrigins.length > 0) {
    app.use(cors({ origin: [...settings.corsOrigins], exposeHeaders: ["x-request-id"] }));
  }
  const guard = createAdminGuard(deps);
  for (const path of ADMIN_PATHS) app.use(path, guard.middleware);
  app.use("/v1/*", requireApiKey(settings.apiKeys));
  for (const routes of PLAIN_ROUTES) app.route("/", routes(deps));
  for (const routes of [chatRoutes, completionRoutes]) app.route("/", routes(deps, guard));
  app.notFound((c) => answerError(c, noRoute(app, c)));
  app.onError((error, c) => answerError(c, error));
  return app;
}

const PLAIN_ROUTES = [
  ...[healthRoutes, modelRoutes, adapterRoutes, vllmRoutes],
  ...[routeRoutes, routerRoutes],
];

/** What changes adapters or the router, or shows where they come from. `/*` covers the path above it too. */
const ADMIN_PATHS = [
  ...["/v1/adapters/*", "/v1/load_lora_adapter", "/v1/unload_lora_adapter"],
  "/v1/router",
];

/** Every error answer of the server is made here. */
function answerError(c: AppContext, error: unknown): Response {
  const record = c.get("record");
  const { status, body, headers } = replyTo(error, record.id);
  // A client's error may quote its prompt, which no log shall hold.
  record.error = status >= 500 ? describeError(error) : body.error.code ?? body.error.type;
  return c.json(body, status, headers);
}

/** 405 for a path that answers other methods, else 404. */
function noRoute(app: Hono<AppEnv>, c: AppContext): ApiError {
  const { method, path } = c.req;
  const allowed = METHODS.filter((other) =>
    app.router.match(other, path)[0].some(([[, route]]) => route.method === other)
  );
  if (allowed.length === 0) {
    return new ApiError("not_found", `There is nothing at ${method} ${path}`, {
      reason: "unknown_url",
    });
  }
  c.header("allow", allowed.join(", "));
  return new ApiError(
    "invalid_request",
    `Cannot ${method} ${path}: it answers ${allowed.join(", ")}`,
    { status: 405, reason: "method_not_allowed" },
  );
}

const METHODS = ["GET", "POST", "PUT", "DELETE"] as const;

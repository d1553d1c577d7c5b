import { Hono } from "hono";
import type { SeatedRouter } from "../../adapters/mod.ts";
import { adminError } from "../adapters/admin_errors.ts";
import { logAdminAction } from "../adapters/admin_log.ts";
import { startTask } from "../adapters/task.ts";
import { readJsonObject } from "../body.ts";
import { ApiError } from "../errors.ts";
import type { AppDeps } from "../ports.ts";
import type { AppEnv } from "../request_record.ts";
import { parseBody } from "../schema/parse.ts";
import { routerSchema } from "../schema/router.ts";

/** `/v1/router`: the router in place, and how to change it. The caller guards the path. */
export function routerRoutes(deps: AppDeps): Hono<AppEnv> {
  const { seat, classes, settings, lifecycle } = deps;
  return new Hono<AppEnv>()
    .get("/v1/router", async (c) => {
      await classes.settled();
      const { present } = seat;
      if (present !== null) return c.json(showRouter(present, deps));
      throw new ApiError("not_found", "There is no router in place", { reason: "no_router" });
    })
    .post("/v1/router", async (c) => {
      const raw = await readJsonObject(c.req.raw, { maxBytes: settings.maxBodyBytes });
      const { url, sha256, expected_generation: expectedGeneration } = parseBody(routerSchema, raw);
      const seated = await startTask(
        (signal) => seat.swap({ url, sha256: sha256 ?? undefined, expectedGeneration, signal }),
        { lifecycle, client: c.req.raw.signal },
      );
      logAdminAction(c, deps, {
        action: "put_router",
        info: { generation: seated.info.generation, url: seated.url },
      });
      await classes.settled();
      return c.json(showRouter(seated, deps));
    })
    .delete("/v1/router", async (c) => {
      await seat.remove();
      logAdminAction(c, deps, { action: "delete_router" });
      return c.body(null, 204);
    })
    .onError((error) => {
      throw adminError(error);
    });
}

/** The router as `/v1/router` shows it. Nothing in it is secret. */
function showRouter(
  { info, url, source }: SeatedRouter,
  { classes, adapters }: Pick<AppDeps, "classes" | "adapters">,
): object {
  const names = adapters.list().map(({ name }) => name);
  return {
    object: "router",
    generation: info.generation,
    version: info.version,
    url,
    source,
    max_tokens: info.maxTokens,
    temperature: info.temperature,
    top_p: info.topP,
    min_confidence: info.minConfidence,
    features: info.features,
    classes: info.labels.map((id) => ({
      id,
      generation: adapters.get(id)?.generation ?? null,
      on: classes.routingOf(id).kind === "class",
    })),
    prototypes: names.flatMap((id) => {
      const routing = classes.routingOf(id);
      if (routing.kind !== "prototype") return [];
      const { won, taken } = routing;
      return [{ id, generation: adapters.get(id)?.generation ?? null, won, taken }];
    }),
  };
}

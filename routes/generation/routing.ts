import type { RouterInfo } from "../../engine/core/router.ts";
import { type RoutingOptions, routingOptions } from "../../engine/core/routing.ts";
import { ApiError } from "../errors.ts";
import type { AppDeps, RouteSettings } from "../ports.ts";
import type { GenerationFields } from "../schema/common.ts";
import type { RoutingFields } from "../schema/routing.ts";

/** Whether a model's name means the router. */
export function isAuto(model: string, { modelName }: Pick<RouteSettings, "modelName">): boolean {
  return model === "auto" && modelName !== "auto";
}

/** The router in place. Throws `no_router`. */
export function requireRouter({ router }: AppDeps["engine"]): RouterInfo {
  if (router.info !== null) return router.info;
  throw new ApiError(
    "unavailable",
    'The model "auto" needs a router, and this server has none; name the base, an adapter, or a ' +
      "mixture with `lora`, or have an admin put one in place (POST /v1/router)",
    { param: "model", reason: "no_router" },
  );
}

export interface ResolvedRouting {
  router: RouterInfo;
  options: RoutingOptions;
}

/**
 * How the router shall be asked; null for a request that names its adapters itself. Throws `no_router`, and
 * `invalid_request` for fields that go with the other kind of request.
 */
export function resolveRouting(
  fields: Pick<GenerationFields, "model" | "lora"> & RoutingFields,
  { engine, settings }: Pick<AppDeps, "engine" | "settings">,
): ResolvedRouting | null {
  if (!isAuto(fields.model, settings)) {
    for (const param of ["routing", "kv_policy"] as const) {
      if ((fields[param] ?? null) === null) continue;
      throw new ApiError(
        "invalid_request",
        `"${param}" needs "model": "auto"; got ${JSON.stringify(fields.model.slice(0, 64))}`,
        { param },
      );
    }
    return null;
  }
  if ((fields.lora ?? []).length > 0) {
    throw new ApiError(
      "invalid_request",
      'With "model": "auto" the router chooses the adapters: to apply `lora`, name the base ' +
        `"${settings.modelName}" as model`,
      { param: "lora" },
    );
  }
  const router = requireRouter(engine);
  return { router, options: optionsOf(fields, router) };
}

/** The API's fields in the engine's terms, with the router's own defaults. Throws for a contradiction. */
export function optionsOf({ routing, kv_policy: kvPolicy }: RoutingFields, router: RouterInfo) {
  const inner = routing?.kv_policy ?? null;
  if (inner !== null && (kvPolicy ?? inner) !== inner) {
    throw new ApiError(
      "invalid_request",
      `"kv_policy" ("${kvPolicy}") and "routing.kv_policy" ("${inner}") contradict each other; ` +
        "send one",
      { param: "kv_policy" },
    );
  }
  return routingOptions({
    mode: routing?.mode ?? undefined,
    p: routing?.top_p ?? undefined,
    maxAdapters: routing?.max_adapters ?? undefined,
    minConfidence: routing?.min_confidence ?? undefined,
    hysteresis: routing?.hysteresis ?? undefined,
    firstToken: routing?.first_token ?? undefined,
    kvPolicy: inner ?? kvPolicy ?? undefined,
    onMiss: routing?.on_miss ?? undefined,
    scope: routing?.scope ?? undefined,
  }, router);
}

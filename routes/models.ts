import { Hono } from "hono";
import { ApiError } from "./errors.ts";
import type { AppDeps } from "./ports.ts";
import type { AppEnv } from "./request_record.ts";

/** A model as `/v1/models` shows it: OpenAI's fields, and where it stands in the family. */
interface ModelCard {
  id: string;
  object: "model";
  /** When this server started, in seconds since 1970. */
  created: number;
  owned_by: string;
  /** Where its weights came from. */
  root: string;
  /** The base an adapter belongs to; null for the base itself. */
  parent: string | null;
  max_model_len: number;
}

/** `/v1/models`, the base first, then the router as "auto" where there is one; and `/v1/models/{id}`. */
export function modelRoutes(deps: AppDeps): Hono<AppEnv> {
  const { adapters, settings, engine, seat, clock } = deps;
  const startedAt = clock.epochSeconds();
  const card = (rest: Pick<ModelCard, "id" | "root" | "parent">): ModelCard => ({
    object: "model",
    owned_by: "weft",
    max_model_len: engine.info.maxModelLen,
    created: startedAt,
    ...rest,
  });

  function listModels(): ModelCard[] {
    const base = card({
      id: settings.modelName,
      root: settings.modelSource,
      parent: null,
    });
    const children = adapters.list().map(({ name, url }) =>
      card({ id: name, root: url, parent: settings.modelName })
    );
    const { present } = seat;
    if (present === null) return [base, ...children];
    return [base, card({ id: "auto", root: present.url, parent: settings.modelName }), ...children];
  }

  return new Hono<AppEnv>()
    .get("/v1/models", (c) => c.json({ object: "list", data: listModels() }))
    // An id may hold slashes ("owner/name"), escaped or not.
    .get("/v1/models/:id{.+}", (c) => {
      const id = c.req.param("id");
      const found = listModels().find((model) => model.id === id);
      if (found === undefined) throw unknownModel(id, "model");
      return c.json(found);
    });
}

/** The error for a name that is neither the base nor an adapter. */
export function unknownModel(name: string, param: string): ApiError {
  return new ApiError(
    "not_found",
    `There is no model or adapter "${name}" here; GET /v1/models lists what there is`,
    { param, reason: "model_not_found" },
  );
}

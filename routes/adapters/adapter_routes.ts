import { Hono } from "hono";
import type { AdapterInfo, PutOptions } from "../../adapters/mod.ts";
import { messageOf, WeftError } from "../../engine/core/errors.ts";
import { readJsonObject } from "../body.ts";
import type { AppDeps } from "../ports.ts";
import type { AppContext, AppEnv } from "../request_record.ts";
import { putSchema } from "../schema/adapters.ts";
import { parseBody } from "../schema/parse.ts";
import { adminError } from "./admin_errors.ts";
import { logAdminAction } from "./admin_log.ts";
import { exampleTexts } from "./examples.ts";
import { listFilter, requireAdapter, requireFreeName, requireName } from "./names.ts";
import { showAdapter, type ShownAdapter } from "./shown_adapter.ts";
import { startTask } from "./task.ts";

/** `/v1/adapters`: what there is, where it stands, and how to change it. The caller guards these paths. */
export function adapterRoutes(deps: AppDeps): Hono<AppEnv> {
  const { adapters, lifecycle } = deps;
  const show = showIn(deps);
  return new Hono<AppEnv>()
    .get("/v1/adapters", (c) => {
      const data = adapters.list().filter(listFilter(c.req.query())).map(show);
      return c.json({ object: "list", data });
    })
    .post("/v1/adapters/refresh", async (c) => {
      await startTask((signal) => adapters.refreshCatalogues(signal), {
        lifecycle,
        client: c.req.raw.signal,
      });
      logAdminAction(c, deps, { action: "refresh_all" });
      return c.json({ object: "list", data: adapters.list().map(show) });
    })
    .get("/v1/adapters/:name", (c) => {
      return c.json(show(requireAdapter(adapters, c.req.param("name"))));
    })
    .put("/v1/adapters/:name", (c) => putAdapter(c, c.req.param("name"), deps))
    .delete("/v1/adapters/:name", (c) => {
      const name = requireName(c.req.param("name"));
      const info = adapters.get(name);
      adapters.delete(name);
      logAdminAction(c, deps, { action: "delete", name, info });
      return c.body(null, 204);
    })
    .post("/v1/adapters/:name/pin", async (c) => {
      const name = requireName(c.req.param("name"));
      const info = await adapters.pin(name);
      logAdminAction(c, deps, { action: "pin", name, info });
      return c.json(show(info));
    })
    .post("/v1/adapters/:name/unpin", (c) => {
      const name = requireName(c.req.param("name"));
      const info = adapters.unpin(name);
      logAdminAction(c, deps, { action: "unpin", name, info });
      return c.json(show(info));
    })
    .post("/v1/adapters/:name/refresh", async (c) => {
      const name = requireName(c.req.param("name"));
      const info = await startTask((signal) => adapters.refresh(name, signal), {
        lifecycle,
        client: c.req.raw.signal,
      });
      logAdminAction(c, deps, { action: "refresh", name, info });
      return c.json(show(info));
    })
    .onError((error) => {
      throw adminError(error);
    });
}

function showIn({ classes }: AppDeps): (info: AdapterInfo) => ShownAdapter {
  return (info) => showAdapter(info, classes.routingOf(info.name));
}

/**
 * With `wait` the answer comes when the name has moved, however long that takes; a client seen to leave before
 * takes its order back. Without, the order stands and `GET` tells what becomes of it.
 */
async function putAdapter(c: AppContext, name: string, deps: AppDeps): Promise<Response> {
  const { adapters, classes, lifecycle, settings } = deps;
  const show = showIn(deps);
  requireFreeName(name, { settings });
  const raw = await readJsonObject(c.req.raw, { maxBytes: settings.maxBodyBytes });
  const body = parseBody(putSchema, raw);
  const options: PutOptions = {
    url: body.url,
    sha256: body.sha256 ?? undefined,
    expectedGeneration: body.expected_generation,
    pinned: body.pinned ?? undefined,
    examples: exampleTexts(body),
  };
  const isNew = adapters.get(name) === undefined;
  const done = startTask(
    (signal) => adapters.startPut(name, { ...options, signal }).done,
    { lifecycle, client: body.wait ? c.req.raw.signal : undefined },
  );
  c.header("location", `/v1/adapters/${name}`);
  if (!body.wait) {
    finishLater(c, name, { done, deps });
    return c.json(show(requireAdapter(adapters, name)), 202);
  }
  const info = await done;
  logAdminAction(c, deps, { action: "put", name, info });
  // So that the answer says whether it can be routed to.
  await classes.settled();
  return c.json(show(info), isNew ? 201 : 200);
}

/** Nobody waits for the end of an order without `wait`, but the log has it. */
function finishLater(
  c: AppContext,
  name: string,
  { done, deps }: { done: Promise<AdapterInfo>; deps: AppDeps },
): void {
  done.then(
    (info) => logAdminAction(c, deps, { action: "put", name, info }),
    (error) =>
      deps.logger.log("warn", "admin_put_failed", {
        request_id: c.get("record").id,
        adapter: name,
        code: error instanceof WeftError ? error.reason ?? error.code : "internal",
        error: messageOf(error),
      }),
  );
}

import { isAbsolute } from "node:path";
import { pathToFileURL } from "node:url";
import { Hono } from "hono";
import { adapterError } from "../../adapters/mod.ts";
import { WeftError } from "../../engine/core/errors.ts";
import { readJsonObject } from "../body.ts";
import { ApiError } from "../errors.ts";
import type { AdapterCatalog, AppDeps } from "../ports.ts";
import type { AppContext, AppEnv } from "../request_record.ts";
import { loadSchema, unloadSchema } from "../schema/adapters.ts";
import { parseBody, quote } from "../schema/parse.ts";
import { vllmError } from "./admin_errors.ts";
import { logAdminAction } from "./admin_log.ts";
import { requireFreeName } from "./names.ts";
import { startTask } from "./task.ts";

/**
 * vLLM's endpoints for adapters at run time, with its statuses, so that its controllers work here
 * (docs.vllm.ai, LoRA adapters, "Dynamically serving"). The caller guards these paths.
 */
export function vllmRoutes(deps: AppDeps): Hono<AppEnv> {
  const { adapters } = deps;
  return new Hono<AppEnv>()
    .post("/v1/load_lora_adapter", async (c) => await loadAdapter(c, deps))
    .post("/v1/unload_lora_adapter", async (c) => {
      const { lora_name: name } = parseBody(unloadSchema, await readBody(c, deps));
      const info = adapters.get(name);
      if (info === undefined) {
        throw adapterError("adapter_not_found", `The adapter ${quote(name)} cannot be found`, {
          param: "lora_name",
        });
      }
      adapters.delete(name);
      logAdminAction(c, deps, { action: "delete", name, info });
      return c.text(`Success: adapter '${name}' removed successfully.`);
    })
    .onError((error) => {
      throw vllmError(error);
    });
}

async function loadAdapter(c: AppContext, deps: AppDeps): Promise<Response> {
  const { adapters, lifecycle, settings } = deps;
  const raw = await readBody(c, deps);
  const body = parseBody(loadSchema, raw);
  if (raw.is_3d_lora_weight === true) {
    throw new ApiError("unsupported", "This server loads no fused 3D adapters of experts", {
      param: "is_3d_lora_weight",
    });
  }
  const { lora_name: name, lora_path: path } = body;
  requireFreeName(name, { settings, param: "lora_name" });
  const present = adapters.get(name);
  const inPlace = body.load_inplace === true;
  if (!inPlace && present !== undefined && present.generation !== null) throw alreadyLoaded(name);
  // Of two that load a new name at once, one wins and the other is told, as in vLLM.
  const expectedGeneration = !inPlace && present === undefined ? null : undefined;
  const url = urlOf(path);
  try {
    const info = await startTask(
      (signal) => adapters.startPut(name, { url, expectedGeneration, signal }).done,
      { lifecycle, client: c.req.raw.signal },
    );
    logAdminAction(c, deps, { action: "put", name, info });
  } catch (error) {
    if (error instanceof WeftError && error.reason === "generation_conflict") {
      throw alreadyLoaded(name);
    }
    if (present === undefined) forget(adapters, name);
    throw error;
  }
  return c.text(`Success: adapter '${name}' added successfully.`);
}

async function readBody(c: AppContext, { settings }: AppDeps): Promise<Record<string, unknown>> {
  return await readJsonObject(c.req.raw, { maxBytes: settings.maxBodyBytes });
}

/** vLLM's controllers take a name in `/v1/models` for one that was loaded, so one that wasn't must not be there. */
function forget(adapters: AdapterCatalog, name: string): void {
  const left = adapters.get(name);
  // One that is loading is already someone else's.
  if (left?.generation === null && left.state !== "loading") adapters.delete(name);
}

function alreadyLoaded(name: string): ApiError {
  return new ApiError(
    "invalid_request",
    `The adapter "${name}" has already been loaded; to replace it, send "load_inplace": true`,
    { param: "lora_name", reason: "already_loaded" },
  );
}

/** A URL as it is; a path on this machine as `file://`, whose roots then say whether it is allowed. */
function urlOf(path: string): string {
  if (path.includes("://")) return path;
  if (isAbsolute(path)) return pathToFileURL(path).href;
  throw adapterError(
    "bad_url",
    '"lora_path" must be a URL or an absolute path; a repository of the hub is ' +
      "hf://owner/name",
    { param: "lora_path" },
  );
}

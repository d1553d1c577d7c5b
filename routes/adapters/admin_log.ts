import type { AdapterInfo } from "../../adapters/mod.ts";
import type { AppDeps } from "../ports.ts";
import { type AppContext, peerOf } from "../request_record.ts";

export interface AdminAction {
  action:
    | "put"
    | "delete"
    | "pin"
    | "unpin"
    | "refresh"
    | "refresh_all"
    | "put_router"
    | "delete_router";
  name?: string;
  /** As it stands after the action. */
  info?: Pick<AdapterInfo, "generation" | "url">;
}

/** One line for what an admin has done: who, and what. Of a URL, only the part that is not secret. */
export function logAdminAction(
  c: AppContext,
  { logger }: Pick<AppDeps, "logger">,
  { action, name, info }: AdminAction,
): void {
  logger.log("info", "admin", {
    request_id: c.get("record").id,
    peer: peerOf(c) ?? "unknown",
    proof: c.get("admin"),
    action,
    adapter: name,
    generation: info?.generation ?? undefined,
    url: info?.url,
  });
}

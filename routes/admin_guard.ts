import type { MiddlewareHandler } from "hono";
import { digest, givenBearer, isSameDigest } from "./auth.ts";
import { ApiError } from "./errors.ts";
import { whyNotLocal } from "./local_request.ts";
import type { AppDeps } from "./ports.ts";
import { type AdminProof, type AppContext, type AppEnv, peerOf } from "./request_record.ts";

/** Where the admin token stands if `Authorization` holds an API key. */
export const ADMIN_HEADER = "x-weft-admin-token";

export interface AdminGuard {
  /** For admin endpoints. A good token also stands in for an API key; being local doesn't. */
  readonly middleware: MiddlewareHandler<AppEnv>;
  /** For URLs in other requests, whose `Authorization` is an API key. Throws `request_urls_off` too. */
  requireRequestUrls(c: AppContext): void;
}

/**
 * The token where one is configured. Without one, only requests that this machine's own users made: see
 * local_request.ts.
 */
export function createAdminGuard({ settings, logger }: AppDeps): AdminGuard {
  const accepted = settings.adminToken === null ? null : digest(settings.adminToken);

  /** Throws `admin_off`, `admin_token_required` or `invalid_admin_token`; each leaves a line in the log. */
  function prove(c: AppContext, given: string | undefined): AdminProof {
    const refusal = refusalOf(c, given);
    if (refusal === null) return accepted === null ? "local" : "token";
    logger.log("warn", "admin_refused", {
      request_id: c.get("record").id,
      peer: peerOf(c) ?? "unknown",
      method: c.req.method,
      path: c.req.path,
      code: refusal.reason,
    });
    throw refusal;
  }

  function refusalOf(c: AppContext, given: string | undefined): ApiError | null {
    if (accepted === null) {
      const why = whyNotLocal(c.req.raw, { peer: peerOf(c), bound: settings.boundToLoopback });
      return why === null ? null : new ApiError(
        "forbidden",
        "This needs an admin token, and none is configured (WEFT_ADMIN_TOKEN). Without one it is " +
          `open to this machine alone, and ${why}`,
        { reason: "admin_off" },
      );
    }
    if (given === undefined) {
      return new ApiError(
        "unauthorized",
        "Missing admin token: send it as the header `X-Weft-Admin-Token: <token>`, or to an admin " +
          "endpoint as `Authorization: Bearer <token>`",
        { reason: "admin_token_required" },
      );
    }
    if (isSameDigest(accepted, digest(given))) return null;
    return new ApiError("unauthorized", "The admin token given is not this server's", {
      reason: "invalid_admin_token",
    });
  }

  return {
    async middleware(c, next) {
      c.set("admin", prove(c, c.req.header(ADMIN_HEADER) ?? givenBearer(c)));
      await next();
    },
    requireRequestUrls(c) {
      if (!settings.allowRequestUrls) {
        throw new ApiError(
          "forbidden",
          "This server takes no adapter URLs in requests (--allow-request-urls); name one that " +
            "GET /v1/models lists",
          { reason: "request_urls_off", param: "lora" },
        );
      }
      prove(c, c.req.header(ADMIN_HEADER));
    },
  };
}

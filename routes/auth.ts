import { createHash, timingSafeEqual } from "node:crypto";
import type { MiddlewareHandler } from "hono";
import { ApiError } from "./errors.ts";
import type { AppContext, AppEnv } from "./request_record.ts";

/**
 * Asks for `Authorization: Bearer <key>` where keys are configured, unless an admin token was given. Digests
 * are compared, in constant time and all of them, so that time tells neither a key's content, nor its
 * length, nor which matched.
 */
export function requireApiKey(keys: readonly string[]): MiddlewareHandler<AppEnv> {
  const accepted = keys.map(digest);
  return async (c, next) => {
    if (accepted.length > 0 && c.get("admin") !== "token") {
      const given = givenBearer(c);
      if (given === undefined) {
        throw new ApiError(
          "unauthorized",
          "Missing API key: send it as the header `Authorization: Bearer <key>`",
        );
      }
      const offered = digest(given);
      let matches = 0;
      for (const key of accepted) matches += isSameDigest(key, offered) ? 1 : 0;
      if (matches === 0) throw new ApiError("unauthorized", "The API key given is not known here");
    }
    await next();
  };
}

/** What `Authorization: Bearer` holds. */
export function givenBearer(c: AppContext): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(c.req.header("authorization") ?? "")?.[1];
}

export function digest(key: string): Uint8Array {
  return createHash("sha256").update(key).digest();
}

/** In a time that does not tell where they differ. */
export function isSameDigest(a: Uint8Array, b: Uint8Array): boolean {
  return timingSafeEqual(a, b);
}

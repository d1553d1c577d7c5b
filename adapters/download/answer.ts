import type { WeftError } from "../../engine/core/errors.ts";
import { adapterError } from "../reasons.ts";
import { PassingFailure, retryAfterOf } from "./retry.ts";

/** RFC 9110, 8.8.3; a bound keeps versions short. */
const ENTITY_TAG = /^(?:W\/)?"[\x21\x23-\x7e\x80-\xff]{0,512}"$/;

export function isEntityTag(text: string): boolean {
  return ENTITY_TAG.test(text);
}

/** The answer's ETag with its quotes, or null where it has none that conforms. */
export function etagOf(headers: Headers): string | null {
  const etag = headers.get("etag");
  return etag !== null && isEntityTag(etag) ? etag : null;
}

/** Equal strong tags mean equal bytes. */
export function isStrong(etag: string | null): etag is string {
  return etag !== null && !etag.startsWith("W/");
}

/** The length that a whole answer announces, or null. @throws {WeftError} `bad_response`. */
export function lengthOf(headers: Headers, location: string): number | null {
  const text = headers.get("content-length");
  if (text === null) return null;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw badResponse(location, "its Content-Length is not a number");
}

/**
 * The whole object's length, from an answer that must be everything from `begin` on.
 *
 * @throws {WeftError} `bad_response` when it is another range, or announces another length than it has.
 */
export function lengthAfterRange(
  headers: Headers,
  { begin, location }: { begin: number; location: string },
): number {
  const text = headers.get("content-range") ?? "";
  const [, first, last, total] = /^bytes (\d{1,15})-(\d{1,15})\/(\d{1,15})$/.exec(text) ?? [];
  const isAsked = Number(first) === begin && Number(last) === Number(total) - 1;
  const length = lengthOf(headers, location);
  if (!isAsked || (length !== null && length !== Number(total) - begin)) {
    throw badResponse(
      location,
      `it sent another range than the one asked for, ${begin} to the end`,
    );
  }
  return Number(total);
}

/** What a status that brings no content means: thrown as it is, or as a PassingFailure where waiting may help. */
export function statusError(
  { status, headers }: { status: number; headers: Headers },
  location: string,
): WeftError | PassingFailure {
  if (status === 401 || status === 403) {
    return adapterError("origin_unauthorized", `${location} was refused by its origin (${status})`);
  }
  if (status === 404 || status === 410) {
    return adapterError("origin_not_found", `${location} does not exist (${status})`);
  }
  const why = `the origin of ${location} answered ${status}`;
  if (status !== 408 && status !== 429 && status < 500) return adapterError("origin_error", why);
  const retryAfterMs = retryAfterOf(headers);
  const retryAfterSeconds = retryAfterMs && Math.ceil(retryAfterMs / 1000);
  return new PassingFailure(adapterError("origin_error", why, { retryAfterSeconds }), retryAfterMs);
}

export function badResponse(location: string, why: string): WeftError {
  return adapterError("bad_response", `the answer for ${location} cannot be used: ${why}`);
}

import { type ErrorCode, WeftError, type WeftErrorOptions } from "../engine/core/errors.ts";

/**
 * Why an adapter, its URL or its origin was refused: the stable `code` that clients see, and the kind of
 * failure it is. docs/ADAPTERS.md lists them.
 */
export const ADAPTER_REASONS = {
  // What the URL says.
  bad_url: "invalid_request",
  scheme_not_allowed: "forbidden",
  host_not_allowed: "forbidden",
  address_not_allowed: "forbidden",
  path_not_allowed: "forbidden",
  redirect_not_allowed: "forbidden",
  // What the network and the origin do.
  dns_failed: "origin_failed",
  connect_failed: "origin_failed",
  tls_failed: "origin_failed",
  too_many_redirects: "origin_failed",
  origin_not_found: "origin_failed",
  origin_unauthorized: "origin_failed",
  origin_error: "origin_failed",
  bad_response: "origin_failed",
  truncated: "origin_failed",
  content_changed: "origin_failed",
  connect_timeout: "origin_timeout",
  idle_timeout: "origin_timeout",
  total_timeout: "origin_timeout",
  // What came.
  download_too_large: "bad_adapter",
  bad_archive: "bad_adapter",
  archive_bomb: "bad_adapter",
  archive_entry_not_allowed: "bad_adapter",
  missing_file: "bad_adapter",
  pickle_not_allowed: "bad_adapter",
  bad_adapter: "bad_adapter",
  sha256_mismatch: "bad_adapter",
  // What this server is and has.
  bad_name: "invalid_request",
  name_taken: "conflict",
  generation_conflict: "conflict",
  managed_by_manifest: "conflict",
  adapter_not_found: "not_found",
  disk_full: "unavailable",
  memory_full: "overloaded",
} as const satisfies Record<string, ErrorCode>;

export type AdapterReason = keyof typeof ADAPTER_REASONS;

/** The error for a reason. `why` holds no secret: it reaches clients and logs. */
export function adapterError(
  reason: AdapterReason,
  why: string,
  options: Omit<WeftErrorOptions, "reason"> = {},
): WeftError {
  return new WeftError(ADAPTER_REASONS[reason], why, { ...options, reason });
}

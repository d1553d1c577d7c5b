import type { ContentfulStatusCode } from "hono/utils/http-status";
import {
  type ErrorCode,
  messageOf,
  WeftError,
  type WeftErrorOptions,
} from "../engine/core/errors.ts";

/** OpenAI's error envelope. */
export interface ErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null };
}

/** Facts of an error that only the HTTP API knows. */
export interface ApiErrorOptions extends WeftErrorOptions {
  /** A status that no ErrorCode stands for (405, 415). */
  status?: ContentfulStatusCode;
}

/** A WeftError that a route throws about the request itself. */
export class ApiError extends WeftError {
  readonly status?: ContentfulStatusCode;

  constructor(code: ErrorCode, message: string, options: ApiErrorOptions = {}) {
    super(code, message, options);
    this.status = options.status;
  }
}

interface Mapping {
  status: ContentfulStatusCode;
  type: string;
  /** `error.code` unless the error brings its own. */
  reason: string | null;
  /** Trying again is of no use, though clients would do so at this status. */
  permanent?: true;
}

/** The one place that turns a kind of failure into a status and OpenAI's words for it. */
const MAPPINGS: Record<ErrorCode, Mapping> = {
  invalid_request: { status: 400, type: "invalid_request_error", reason: null },
  unauthorized: { status: 401, type: "authentication_error", reason: "invalid_api_key" },
  forbidden: { status: 403, type: "permission_error", reason: "forbidden" },
  not_found: { status: 404, type: "invalid_request_error", reason: "not_found" },
  conflict: { status: 409, type: "invalid_request_error", reason: "conflict" },
  too_large: { status: 413, type: "invalid_request_error", reason: "request_too_large" },
  unsupported: { status: 422, type: "invalid_request_error", reason: "unsupported" },
  overloaded: { status: 429, type: "rate_limit_error", reason: "overloaded" },
  internal: { status: 500, type: "server_error", reason: "internal_error" },
  // The name was right: what is broken is the operator's to mend.
  bad_adapter: { status: 500, type: "server_error", reason: "bad_adapter", permanent: true },
  bad_model: { status: 500, type: "server_error", reason: "bad_model", permanent: true },
  not_implemented: {
    status: 501,
    type: "server_error",
    reason: "not_implemented",
    permanent: true,
  },
  origin_failed: { status: 502, type: "server_error", reason: "origin_failed" },
  unavailable: { status: 503, type: "server_error", reason: "unavailable" },
  device_lost: { status: 503, type: "server_error", reason: "device_lost" },
  origin_timeout: { status: 504, type: "server_error", reason: "origin_timeout" },
};

/** Seconds to wait that `Retry-After` names where the error itself names none. */
const RETRY_AFTER_SECONDS: Partial<Record<ErrorCode, number>> = {
  overloaded: 1,
  origin_failed: 5,
  origin_timeout: 5,
  unavailable: 5,
  device_lost: 10,
};

export interface ErrorReply {
  status: ContentfulStatusCode;
  body: ErrorBody;
  headers: Record<string, string>;
}

/**
 * The reply to whatever was thrown. What is no WeftError is a fault of ours: its message stays in the
 * log, and the client is told only where to look (`requestId`).
 */
export function replyTo(thrown: unknown, requestId: string): ErrorReply {
  const error = thrown instanceof WeftError ? thrown : new WeftError(
    "internal",
    `The server failed to answer; its log has the reason under request id "${requestId}"`,
    { cause: thrown },
  );
  const mapping = MAPPINGS[error.code];
  const api = error instanceof ApiError ? error : undefined;
  const headers: Record<string, string> = {};
  const retryAfter = error.retryAfterSeconds ?? RETRY_AFTER_SECONDS[error.code];
  if (retryAfter !== undefined) headers["retry-after"] = String(Math.max(1, Math.ceil(retryAfter)));
  // OpenAI's clients retry after a 5xx unless told otherwise.
  if (mapping.permanent) headers["x-should-retry"] = "false";
  if (error.code === "unauthorized") headers["www-authenticate"] = "Bearer";
  return {
    status: api?.status ?? mapping.status,
    body: {
      error: {
        message: error.message,
        type: mapping.type,
        param: error.param ?? null,
        code: error.reason ?? mapping.reason,
      },
    },
    headers,
  };
}

/** What the log says of a failure: a fault of ours with its stack, a client's with its message. */
export function describeError(thrown: unknown): string {
  if (thrown instanceof WeftError) return thrown.message;
  return thrown instanceof Error ? thrown.stack ?? thrown.message : messageOf(thrown);
}

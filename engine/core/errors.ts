/** What kind of failure this is; the HTTP layer maps each kind to one status. */
export type ErrorCode =
  | "invalid_request"
  | "unauthorized"
  | "forbidden"
  | "not_found"
  | "conflict"
  | "too_large"
  | "unsupported"
  | "overloaded"
  | "unavailable"
  | "not_implemented"
  | "bad_model"
  | "bad_adapter"
  | "origin_failed"
  | "origin_timeout"
  | "device_lost"
  | "internal";

/** Optional facts a caller may branch on. */
export interface WeftErrorOptions extends ErrorOptions {
  /** The request field at fault, in the API's spelling (`max_tokens`, `messages[0].role`). */
  param?: string;
  /** A stable name of the exact cause, finer than the code (`host_not_allowed`); programs may branch on it. */
  reason?: string;
  /** When to try again, in seconds; becomes `Retry-After`. */
  retryAfterSeconds?: number;
}

/**
 * The one error class of the project. The message says what was attempted, quotes the value and
 * says what is allowed; `code` is for programs.
 */
export class WeftError extends Error {
  override readonly name = "WeftError";
  readonly code: ErrorCode;
  readonly param?: string;
  readonly reason?: string;
  readonly retryAfterSeconds?: number;

  constructor(code: ErrorCode, message: string, options: WeftErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.param = options.param;
    this.reason = options.reason;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What kind of failure this is; the HTTP layer maps each kind to one status. */
export type ErrorCode =
  | "invalid_request"
  | "unauthorized"
  | "not_found"
  | "too_large"
  | "unsupported"
  | "overloaded"
  | "unavailable"
  | "not_implemented"
  | "bad_model"
  | "bad_adapter"
  | "device_lost"
  | "internal";

/** Optional facts a caller may branch on. */
export interface WeftErrorOptions extends ErrorOptions {
  /** The request field at fault, in the API's spelling (`max_tokens`, `messages[0].role`). */
  param?: string;
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
  readonly retryAfterSeconds?: number;

  constructor(code: ErrorCode, message: string, options: WeftErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.param = options.param;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }
}

/** The message of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

import { WeftError } from "../../engine/core/errors.ts";
import { ApiError } from "../errors.ts";

/**
 * What a store's failure is to the admin who asked for the adapter: bad content came from a URL of their own,
 * so it is no fault of the server but 422. (To a request that merely names the adapter it is 500.)
 */
export function adminError(thrown: Error): Error {
  if (!(thrown instanceof WeftError) || thrown.code !== "bad_adapter") return thrown;
  return new ApiError("unsupported", thrown.message, {
    reason: thrown.reason ?? "bad_adapter",
    param: thrown.param,
    cause: thrown,
  });
}

/** The same with vLLM's statuses: 404 where nothing is at the path, 400 for what can't be loaded. */
export function vllmError(thrown: Error): Error {
  if (!(thrown instanceof WeftError)) return thrown;
  const { message, reason, param } = thrown;
  if (reason === "origin_not_found" || reason === "missing_file") {
    return new ApiError("not_found", message, { reason, param, cause: thrown });
  }
  if (thrown.code !== "bad_adapter") return thrown;
  return new ApiError("invalid_request", message, {
    reason: reason ?? "bad_adapter",
    param,
    cause: thrown,
  });
}

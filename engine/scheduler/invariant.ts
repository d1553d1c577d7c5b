import { WeftError } from "../core/errors.ts";

/** Throws `internal` when the books do not balance: a bug here or in the caller, never a client's. */
export function ensure(holds: boolean, message: () => string): asserts holds {
  if (!holds) throw new WeftError("internal", `Scheduler invariant broken: ${message()}`);
}

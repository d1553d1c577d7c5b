import type { WeftError } from "../../engine/core/errors.ts";
import { adapterError } from "../reasons.ts";

/** What the system says when a disk or an owner's share of it is full. */
const FULL = ["ENOSPC", "EDQUOT"];

/** `disk_full` where that is what went wrong, otherwise the error as it is. */
export function asDiskError(error: unknown): unknown {
  return FULL.includes(codeOf(error) ?? "") ? diskFull(error) : error;
}

/** The system's name of what went wrong (`ENOENT`), where it is the system's error. */
export function codeOf(error: unknown): string | undefined {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  // Node's own are ERR_SOMETHING: mistakes in a call, no word from the system.
  return typeof code === "string" && /^E[A-Z0-9]+$/.test(code) ? code : undefined;
}

function diskFull(cause: unknown): WeftError {
  return adapterError("disk_full", "no space is left on the disk that caches adapters", { cause });
}

import { WeftError } from "../core/errors.ts";

/** The error of a router file that doesn't fit; `why` continues "reading the router file: …". */
export function refused(why: string, cause?: unknown): WeftError {
  return new WeftError("bad_adapter", `reading the router file: ${why}`, {
    reason: "bad_router",
    ...(cause === undefined ? {} : { cause }),
  });
}

/** A text of the file as a message may show it: quoted, and not at any length. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

import { WeftError } from "../../engine/core/errors.ts";

/** A `bad_adapter` error. `why` is the reason alone; who loads the adapter puts its name in front. */
export function refuse(why: string): WeftError {
  return new WeftError("bad_adapter", why);
}

/** JSON for a message, cut where it grows long. */
export function quote(value: unknown): string {
  const text = JSON.stringify(value) ?? "undefined";
  return text.length > 100 ? `${text.slice(0, 99)}…` : text;
}

/** The first few of many, for a message. */
export function summarise(names: readonly string[]): string {
  const shown = names.slice(0, 3).map(quote).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

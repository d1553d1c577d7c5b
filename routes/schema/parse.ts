import type { z } from "zod";
import { ApiError } from "../errors.ts";

/** Checks a body against its schema. Throws `invalid_request` that names the first field at fault. */
export function parseBody<T extends z.ZodType>(
  schema: T,
  body: Record<string, unknown>,
): z.output<T> {
  const result = schema.safeParse(body);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const param = paramOf(issue.path);
  throw new ApiError(
    "invalid_request",
    `Invalid value for "${param}": ${issue.message}; got ${quote(valueAt(body, issue.path))}`,
    { param },
  );
}

/** A path in the API's spelling: `messages[0].role`. */
export function paramOf(path: readonly PropertyKey[]): string {
  return path.map((key, i) =>
    typeof key === "number" ? `[${key}]` : i === 0 ? String(key) : `.${String(key)}`
  ).join("");
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Object.hasOwn(value, key) ? (value as Record<PropertyKey, unknown>)[key] : undefined;
  }
  return value;
}

/** A value as JSON, cut to a length that suits a message. */
export function quote(value: unknown): string {
  if (value === undefined) return "nothing";
  const json = JSON.stringify(value);
  return json.length <= 80 ? json : `${json.slice(0, 77).toWellFormed()}...`;
}

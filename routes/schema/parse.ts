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
  if (issue.code === "unrecognized_keys" && issue.path.length === 0) throw unknownField(issue.keys);
  const param = paramOf(issue.path);
  throw new ApiError(
    "invalid_request",
    `Invalid value for "${param}": ${issue.message}; got ${
      quote(valueAt(body, issue.path), param)
    }`,
    { param },
  );
}

function unknownField([field]: readonly string[]): ApiError {
  const name = field.slice(0, 64).toWellFormed();
  return new ApiError("invalid_request", `There is no field ${JSON.stringify(name)} here`, {
    param: name,
    reason: "unknown_field",
  });
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

/** A value as JSON, cut to a length that suits a message. A URL's query and user are left out, they may be secret. */
export function quote(value: unknown, param = ""): string {
  if (value === undefined) return "nothing";
  if (isAddress(param.split(".").at(-1)!)) return `a ${typeof value}`;
  const json = JSON.stringify(
    value,
    (key, part) => typeof part === "string" ? withoutSecrets(key, part) : part,
  );
  return json.length <= 80 ? json : `${json.slice(0, 77).toWellFormed()}...`;
}

function withoutSecrets(key: string, text: string): string {
  if (isAddress(key)) return "…";
  return text.includes("://") ? text.replace(/:\/\/.*@|[?#].*$/gs, "…") : text;
}

/** Fields that hold a URL, be it a malformed one. */
function isAddress(field: string): boolean {
  return field === "url" || field === "lora_path";
}

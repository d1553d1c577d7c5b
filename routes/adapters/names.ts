import {
  ADAPTER_NAME,
  adapterError,
  type AdapterInfo,
  type AdapterLevel,
  type AdapterState,
} from "../../adapters/mod.ts";
import { ApiError } from "../errors.ts";
import type { AdapterCatalog, AppDeps } from "../ports.ts";
import { quote } from "../schema/parse.ts";

/** Throws `bad_name` for what no adapter can be called. */
export function requireName(name: string, param = "name"): string {
  if (ADAPTER_NAME.test(name)) return name;
  throw adapterError(
    "bad_name",
    `Cannot call an adapter ${
      quote(name)
    }: a name is 1 to 128 letters, digits, dots, underscores ` +
      "or hyphens",
    { param },
  );
}

/** A name that a new adapter may have. Throws `bad_name` and `name_taken`. */
export function requireFreeName(
  name: string,
  { settings, param }: { settings: AppDeps["settings"]; param?: string },
): string {
  requireName(name, param);
  if (name !== settings.modelName && name !== "auto") return name;
  throw adapterError(
    "name_taken",
    `Cannot call an adapter "${name}": as a model, the name means the ${
      name === "auto" ? "router" : "base"
    }`,
    { param: param ?? "name" },
  );
}

/** Throws `adapter_not_found`. */
export function requireAdapter(adapters: AdapterCatalog, name: string): AdapterInfo {
  const info = adapters.get(requireName(name));
  if (info !== undefined) return info;
  throw adapterError(
    "adapter_not_found",
    `There is no adapter "${name}" here; GET /v1/adapters lists what there is`,
    { param: "name" },
  );
}

const STATES: readonly AdapterState[] = ["registered", "loading", "ready", "failed"];
const LEVELS: readonly AdapterLevel[] = ["gpu", "ram", "disk", "origin"];

/** Which adapters a listing's query asks for: `?state=`, `?level=`. Throws `invalid_request`. */
export function listFilter(
  query: Readonly<Record<string, string>>,
): (info: AdapterInfo) => boolean {
  const allowed: Record<string, readonly string[]> = { state: STATES, level: LEVELS };
  for (const [param, value] of Object.entries(query)) {
    const values = Object.hasOwn(allowed, param) ? allowed[param] : [];
    if (values.includes(value)) continue;
    const message = values.length === 0
      ? `Cannot filter adapters by ${quote(param)}: expected "state" or "level"`
      : `Invalid value for "${param}": expected one of ${values.join(", ")}; got ${quote(value)}`;
    throw new ApiError("invalid_request", message, { param });
  }
  const { state, level } = query;
  return (info) =>
    (state === undefined || info.state === state) && (level === undefined || info.level === level);
}

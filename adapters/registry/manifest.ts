import { z } from "zod";
import { messageOf, WeftError } from "../../engine/core/errors.ts";
import { parseStrictJson } from "../../engine/core/json_strict.ts";
import { MAX_ADAPTERS, MAX_EXAMPLE_LENGTH, MAX_EXAMPLES, MIN_EXAMPLES } from "../limits.ts";
import { ADAPTER_NAME } from "../name.ts";
import { isStorable } from "./row.ts";

/** What a fleet's shared object says its adapters are: the source of truth for every replica that watches it. */
export interface Manifest {
  /** By name. A map, since an adapter may be called `constructor`. */
  adapters: ReadonlyMap<string, ManifestAdapter>;
}

export interface ManifestAdapter {
  /** Whole: its query may be secret. */
  url: string;
  /** The pin that content must meet, lower-case hex. */
  sha256: string | null;
  /** Null leaves it to each replica. */
  pinned: boolean | null;
  /** Prompts by which a router knows what the adapter is for. */
  examples: readonly string[] | null;
}

/** At 200 bytes an adapter, 80,000 adapters. */
export const MAX_MANIFEST_BYTES = 16 * 2 ** 20;

const MAX_URL_LENGTH = 8192;

const frameSchema = z.strictObject({
  version: z.literal(1),
  // Not z.record, which drops the name `__proto__`.
  adapters: z.custom<Record<string, unknown>>(isPlainObject, "must be an object"),
});

const adapterSchema = z.strictObject({
  url: z.string().max(MAX_URL_LENGTH)
    // The URL parser would drop tabs and line ends, and the schemes are the origins' business.
    .refine((url) => /^[\x21-\x7e]+$/.test(url) && URL.canParse(url), "must be an absolute URL"),
  sha256: z.string().regex(/^[0-9a-f]{64}$/i, "must be 64 hexadecimal digits").optional(),
  pinned: z.boolean().optional(),
  examples: z.array(
    z.string().max(MAX_EXAMPLE_LENGTH).refine(isStorable, "must be a text without NUL"),
  )
    .min(MIN_EXAMPLES).max(MAX_EXAMPLES).optional(),
});

/**
 * Reads a manifest: `{"version": 1, "adapters": {"name": {"url": "…", "sha256"?: "…", "pinned"?: true, "examples"?:
 * ["…"]}}}`. It is
 * taken whole or not at all: a key that isn't known, or that stands twice, refuses it.
 *
 * @throws {WeftError} `invalid_request` that names the field at fault and quotes no value.
 */
export function parseManifest(bytes: Uint8Array): Manifest {
  if (bytes.byteLength > MAX_MANIFEST_BYTES) {
    refuse(`it has ${bytes.byteLength} bytes, at most ${MAX_MANIFEST_BYTES} are allowed`);
  }
  const frame = check(frameSchema, parseJson(bytes), "");
  const entries = Object.entries(frame.adapters);
  if (entries.length > MAX_ADAPTERS) {
    refuse(`it has ${entries.length} adapters, at most ${MAX_ADAPTERS} are allowed`);
  }
  const adapters = new Map<string, ManifestAdapter>();
  for (const [name, value] of entries) {
    if (!ADAPTER_NAME.test(name)) {
      refuse(
        `adapters: ${
          beginningOf(name)
        } is not a name: 1 to 128 letters, digits, dots, underscores or hyphens`,
      );
    }
    const { url, sha256, pinned, examples } = check(
      adapterSchema,
      value,
      `adapters[${JSON.stringify(name)}]`,
    );
    adapters.set(name, {
      url,
      sha256: sha256?.toLowerCase() ?? null,
      pinned: pinned ?? null,
      examples: examples ?? null,
    });
  }
  return { adapters };
}

/** The parser's own messages quote the text, which holds signed URLs, so they are not passed on. */
function parseJson(bytes: Uint8Array): unknown {
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    refuse("it is not UTF-8");
  }
  try {
    return parseStrictJson(text);
  } catch (error) {
    const message = messageOf(error);
    const [, repeated] = /^key (".*") appears twice$/s.exec(message) ?? [];
    if (repeated !== undefined) refuse(`key ${beginningOf(JSON.parse(repeated))} appears twice`);
    const [, place] = / at position \d+ (\(line \d+ column \d+\))$/.exec(message) ?? [];
    refuse(`it is not JSON${place === undefined ? "" : ` ${place}`}`);
  }
}

function check<T extends z.ZodType>(schema: T, value: unknown, at: string): z.output<T> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const path = [...(at === "" ? [] : [at]), ...issue.path.map(String)].join(".") || "the manifest";
  if (issue.code !== "unrecognized_keys") refuse(`${path}: ${issue.message}`);
  refuse(`${path}: ${beginningOf(issue.keys[0])} is not a key; allowed are ${keysOf(schema)}`);
}

function keysOf(schema: z.ZodType): string {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape).join(", ") : "none";
}

/** A key that should not be there may be a URL in the wrong place: its beginning is enough to find it. */
function beginningOf(key: string): string {
  if (ADAPTER_NAME.test(key) && key.length <= 32) return JSON.stringify(key);
  const [beginning] = key.slice(0, 12).match(/^[A-Za-z0-9._-]*/)!;
  return `"${beginning}…" (${key.length} characters)`;
}

function isPlainObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refuse(why: string): never {
  throw new WeftError("invalid_request", `Cannot use the manifest: ${why}`);
}

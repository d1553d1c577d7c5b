import type { SQLInputValue, SQLOutputValue } from "node:sqlite";
import { z } from "zod";
import { WeftError } from "../../engine/core/errors.ts";
import { ADAPTER_NAME } from "../name.ts";
import type { AdapterOwner } from "../types.ts";

/** What the registry remembers of one name. */
export interface RegistryRow {
  name: string;
  /** Whole: its query may be secret. */
  url: string;
  owner: AdapterOwner;
  /** The catalogue it was listed in. */
  place: string | null;
  /** The content the name stands for; null before it was first read. This and what follows tell of it. */
  generation: string | null;
  version: string | null;
  sha256: string | null;
  rank: number | null;
  bytes: number | null;
  targetModules: string[] | null;
  pinned: boolean;
  /** The pin that content must meet. */
  requiredSha256: string | null;
  /** Prompts by which a router knows what the adapter is for. */
  examples: readonly string[] | null;
  /** A tombstone: the name was deleted, and the next listing must not bring it back. */
  deleted: boolean;
}

// node:sqlite ends a text at its first NUL when it reads, and a lone surrogate does not survive UTF-8.
const text = z.string().refine(isStorable, "must be well-formed text without NUL");
const sha256 = z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hexadecimal digits");

const rowSchema = z.strictObject({
  name: z.string().regex(ADAPTER_NAME, "must be a name of an adapter"),
  url: text.min(1),
  owner: z.enum(["catalogue", "manifest", "api"]),
  place: text.nullable(),
  generation: sha256.nullable(),
  version: text.nullable(),
  sha256: sha256.nullable(),
  rank: z.int().positive().nullable(),
  bytes: z.int().nonnegative().nullable(),
  targetModules: z.array(text).nullable(),
  pinned: z.boolean(),
  requiredSha256: sha256.nullable(),
  examples: z.array(text).min(1).nullable(),
  deleted: z.boolean(),
}) satisfies z.ZodType<RegistryRow>;

/** The columns of the table `adapters`, as `toRecord` names its parameters. */
export const COLUMNS = [
  "name",
  "url",
  "owner",
  "place",
  "generation",
  "version",
  "sha256",
  "rank",
  "bytes",
  "target_modules",
  "pinned",
  "required_sha256",
  "examples",
  "deleted",
] as const;

type Column = (typeof COLUMNS)[number];

/** Text that SQLite gives back as it was put. */
export function isStorable(value: string): boolean {
  return value.isWellFormed() && !value.includes("\0");
}

/** @throws {WeftError} `internal` for a row that could not be read back: better now than at the next start. */
export function toRecord(row: RegistryRow): Record<Column, SQLInputValue> {
  const { targetModules, pinned, requiredSha256, examples, deleted, ...rest } = checkRow(row);
  return {
    ...rest,
    target_modules: targetModules && JSON.stringify(targetModules),
    pinned: Number(pinned),
    required_sha256: requiredSha256,
    examples: examples && JSON.stringify(examples),
    deleted: Number(deleted),
  };
}

/** @throws {WeftError} `internal` when the record makes no sense; the message names it and its first bad field. */
export function fromRecord(record: Record<string, SQLOutputValue>): RegistryRow {
  const { target_modules, pinned, required_sha256, examples, deleted, ...rest } = record;
  return checkRow({
    ...rest,
    targetModules: listOf(target_modules),
    pinned: booleanOf(pinned),
    requiredSha256: required_sha256,
    examples: listOf(examples),
    deleted: booleanOf(deleted),
  });
}

function checkRow(row: object): RegistryRow {
  const result = rowSchema.safeParse(row);
  if (result.success) return result.data;
  const [{ path, message }] = result.error.issues;
  const field = path.length === 0 ? "" : `, field ${path[0].toString()}`;
  throw new WeftError("internal", `the row of ${nameOf(row)} makes no sense${field}: ${message}`);
}

function nameOf(row: object): string {
  const name = "name" in row ? row.name : undefined;
  return typeof name === "string" && ADAPTER_NAME.test(name) ? JSON.stringify(name) : "a bad name";
}

/** What is not a flag or a list stays as it is, for the schema to refuse. */
function booleanOf(value: SQLOutputValue): unknown {
  return value === 0 ? false : value === 1 ? true : value;
}

function listOf(value: SQLOutputValue): unknown {
  if (typeof value !== "string") return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

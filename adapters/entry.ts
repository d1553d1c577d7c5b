import { messageOf, WeftError } from "../engine/core/errors.ts";
import type { AdapterSource } from "./source.ts";

/** Letters, digits, dot, underscore and hyphen, as it stands in URLs and in a request's `model`. */
export const ADAPTER_NAME = /^[A-Za-z0-9._-]{1,128}$/;

/**
 * `registered`: known, not in memory. `loading`: being read for the first time or again. `ready`: in memory.
 * `failed`: cannot be used, `error` says why; tried again once its files change.
 */
export type AdapterState = "registered" | "loading" | "ready" | "failed";

/** An adapter as the store shows it. */
export interface AdapterInfo {
  name: string;
  /** A path or URL. */
  location: string;
  state: AdapterState;
  /** The configured rank; once the tensors were read, the largest of any module. */
  rank?: number;
  /** As configured: names, a pattern, or "all-linear". */
  targetModules?: string[];
  /** The content last read: sha256, hex. */
  generation?: string;
  /** What its tensors take in memory. */
  bytes?: number;
  /** Why the latest attempt failed. A `ready` adapter may have one: then its earlier generation serves on. */
  error?: string;
}

/** Content that was read and found good. */
export interface LoadedContent {
  version: string;
  generation: string;
  rank: number;
  bytes: number;
}

/** Why the latest attempt failed. */
export interface AdapterFailure {
  /** The content at fault: not tried again while it is the same. Without it, every request tries anew. */
  version?: string;
  error: WeftError;
}

/** What the store knows of one name. */
export interface AdapterEntry {
  readonly name: string;
  readonly source: AdapterSource;
  rank?: number;
  targetModules?: string[];
  /** Reads under way; more than one only while an aborted one winds down. */
  loads: number;
  /** The latest good content, in memory or not. */
  content?: LoadedContent;
  failure?: AdapterFailure;
}

export function describeEntry(
  entry: AdapterEntry,
  { isInMemory }: { isInMemory: boolean },
): AdapterInfo {
  const { name, source, content, failure, targetModules } = entry;
  return {
    name,
    location: source.location,
    state: stateOf(entry, isInMemory),
    rank: content?.rank ?? entry.rank,
    targetModules,
    generation: content?.generation,
    bytes: content?.bytes,
    error: failure?.error.message,
  };
}

function stateOf({ loads, failure }: AdapterEntry, isInMemory: boolean): AdapterState {
  if (loads > 0) return "loading";
  if (isInMemory) return "ready";
  return failure === undefined ? "registered" : "failed";
}

/** @throws {WeftError} `bad_adapter` when the name is not ADAPTER_NAME. */
export function refuseName(name: string): void {
  if (ADAPTER_NAME.test(name)) return;
  throw new WeftError(
    "bad_adapter",
    "its name must be 1 to 128 letters, digits, dots, underscores or hyphens",
  );
}

/** Bad content stays bad until it changes; anything else (a full memory, a busy disk) may pass by itself. */
export function failureOf(
  { name, failure }: AdapterEntry,
  { error, version }: { error: unknown; version?: string },
): AdapterFailure {
  if (failure !== undefined && error === failure.error) return failure;
  const { code, retryAfterSeconds } = error instanceof WeftError
    ? error
    : { code: "internal" as const, retryAfterSeconds: undefined };
  const message = `Cannot load adapter ${JSON.stringify(name)}: ${messageOf(error)}`;
  return {
    version: code === "bad_adapter" ? version : undefined,
    error: new WeftError(code, message, { cause: error, retryAfterSeconds }),
  };
}

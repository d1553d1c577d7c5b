import { messageOf, WeftError } from "../../engine/core/errors.ts";
import type { Target } from "./content.ts";

const FIRST_DELAY_MS = 1000;
const LONGEST_DELAY_MS = 60_000;

/** Why the latest attempt to bring a target's content failed. */
export interface Failure {
  target: Target;
  /** The content at fault: not fetched again while the origin still has it. */
  version?: string;
  /** Failures in a row. */
  attempts: number;
  at: number;
  /** Until then the error is the answer; null: every request tries anew. */
  retryAt: number | null;
  error: WeftError;
}

/** An attempt that failed over content whose version is known. */
export class BadContent extends Error {
  constructor(readonly version: string, override readonly cause: unknown) {
    super(messageOf(cause));
  }
}

/** After n failures in a row: 2ⁿ⁻¹ seconds, at most a minute, less up to a half, so that a fleet spreads out. */
export function retryDelayMs(attempts: number, random: () => number = Math.random): number {
  const longest = Math.min(LONGEST_DELAY_MS, FIRST_DELAY_MS * 2 ** Math.min(attempts - 1, 16));
  return longest * (1 - random() / 2);
}

export interface FailureContext {
  name: string;
  target: Target;
  previous: Failure | null;
  /** False where nothing tries again by itself. */
  isRetried: boolean;
  now: number;
}

/** What to remember of an error. */
export function failureOf(error: unknown, context: FailureContext): Failure {
  const { name, target, now } = context;
  const previous = context.previous?.target === target ? context.previous : null;
  const [cause, version] = error instanceof BadContent
    ? [error.cause, error.version]
    : [error, undefined];
  const attempts = (previous?.attempts ?? 0) + 1;
  const remembered = previous !== null && cause === previous.error
    ? previous.error
    : explain(cause, `Cannot load adapter ${JSON.stringify(name)}`);
  // A full memory or disk and files on this machine are worth a look each time; an origin is not.
  const isOurs = target.source.isLocal || remembered.code === "overloaded";
  const retryAt = isOurs || !context.isRetried ? null : now + Math.round(retryDelayMs(attempts));
  return {
    target,
    // Content may be good for another configuration: only what is wrong with it itself stays wrong.
    version: remembered.code === "bad_adapter" ? version : undefined,
    attempts,
    at: now,
    retryAt,
    error: remembered,
  };
}

/** The error that a remembered failure answers with: when to come back is counted from now. */
export function errorOf({ error, retryAt }: Failure, now: number): WeftError {
  if (retryAt === null || error.code === "bad_adapter") return error;
  const { code, message, reason, param } = error;
  return new WeftError(code, message, {
    cause: error,
    reason,
    param,
    retryAfterSeconds: Math.max(1, Math.ceil((retryAt - now) / 1000)),
  });
}

function explain(cause: unknown, action: string): WeftError {
  const { code, reason, param, retryAfterSeconds } = cause instanceof WeftError
    ? cause
    : { code: "internal" as const, reason: undefined, param: undefined };
  const message = `${action}: ${messageOf(cause)}`;
  return new WeftError(code, message, { cause, reason, param, retryAfterSeconds });
}

import { WeftError } from "../../engine/core/errors.ts";
import type { AdapterReason } from "../reasons.ts";

/** When a failed request is made again. */
export interface RetryPolicy {
  /** Requests without a new byte before giving up. */
  attempts: number;
  /** Before the second attempt, in ms; doubles with each, half of it at random. */
  delayMs: number;
  maxDelayMs: number;
  /** An origin that asks for a longer pause than this isn't waited for. */
  maxRetryAfterMs: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  attempts: 5,
  delayMs: 500,
  maxDelayMs: 8_000,
  maxRetryAfterMs: 20_000,
};

/** What may be otherwise the next time, though nothing about the request changes. */
const PASSING: readonly (string | undefined)[] = [
  "connect_failed",
  "connect_timeout",
  "idle_timeout",
  "truncated",
] satisfies AdapterReason[];

/** A failure after which the request may be made again. */
export class PassingFailure extends Error {
  override readonly name = "PassingFailure";
  /** What is thrown if no more attempts are made. */
  readonly error: WeftError;
  /** The pause that the origin asks for. */
  readonly retryAfterMs?: number;

  constructor(error: WeftError, retryAfterMs?: number) {
    super(error.message, { cause: error });
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
}

export function isPassing(error: unknown): error is WeftError {
  return error instanceof WeftError && PASSING.includes(error.reason);
}

/** The pause before the next attempt in ms, or null to give up. `failures` counts those in a row, from 1. */
export function delayAfter(
  { retryAfterMs = 0 }: PassingFailure,
  { failures, policy }: { failures: number; policy: RetryPolicy },
): number | null {
  if (failures >= policy.attempts || retryAfterMs > policy.maxRetryAfterMs) return null;
  const full = Math.min(policy.delayMs * 2 ** (failures - 1), policy.maxDelayMs);
  return Math.max(full * (0.5 + Math.random() / 2), retryAfterMs);
}

/** `Retry-After` (RFC 9110, 10.2.3), seconds or a date, in ms; undefined where there is none. */
export function retryAfterOf(headers: Headers): number | undefined {
  const text = headers.get("retry-after");
  if (text === null) return undefined;
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

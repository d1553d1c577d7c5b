import { WeftError } from "../../engine/core/errors.ts";
import { BadContent } from "./retry_policy.ts";

/** What the life cycle did so far. */
export class Counters {
  fetches = 0;
  fetchedBytes = 0;
  revalidations = 0;
  swaps = 0;
  memoryHits = 0;
  memoryMisses = 0;
  /** Content that the disk hadn't got; DiskTier counts what it had, and what was corrupt. */
  diskMisses = 0;
  readonly #failures = new Map<string, number>();

  failed(error: unknown): void {
    const cause = error instanceof BadContent ? error.cause : error;
    const reason = cause instanceof WeftError ? cause.reason ?? cause.code : "internal";
    this.#failures.set(reason, (this.#failures.get(reason) ?? 0) + 1);
  }

  failures(): Record<string, number> {
    return Object.fromEntries(this.#failures);
  }
}

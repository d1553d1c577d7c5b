import { adapterError } from "../reasons.ts";
import type { FetchProgress } from "../origin.ts";
import type { AdapterInfo, AdapterLevel, AdapterOwner, AdapterState } from "../types.ts";
import type { Content, Target } from "./content.ts";
import type { Failure } from "./retry_policy.ts";
import type { PinHold } from "./tiers.ts";

/** Letters, digits, dot, underscore and hyphen, as it stands in URLs and in a request's `model`. */
export const ADAPTER_NAME = /^[A-Za-z0-9._-]{1,128}$/;

/** A `put` under way. */
export interface PutTurn {
  readonly controller: AbortController;
  /** Ends, whatever happens, once the turn is over. */
  readonly ended: Promise<void>;
}

/** What the store knows of one name, or of one URL without a name. */
export class AdapterEntry {
  /** False while the first put of the name hasn't succeeded: it stands for nothing then. */
  isCommitted = true;
  owner: AdapterOwner = "api";
  /** The catalogue that lists it. */
  place: string | null = null;
  /** What the operator wants; `pin` is what holds it. */
  isPinned = false;
  /** The latest good content, wherever it is. */
  content: Content | null = null;
  failure: Failure | null = null;
  /** The origin is known to have other content, or another origin was named, and that was not tried yet. */
  isStale = false;
  put: PutTurn | null = null;
  pin: PinHold | null = null;
  /** Reads under way. */
  reads = 0;
  progress: FetchProgress | null = null;
  /** Since the last check at its origin. */
  isUsed = false;
  /** Listings tell its version. */
  isListedWithVersion = false;
  /** From the registry; its catalogue wasn't listed since. */
  isRestored = false;
  /** Those who wait for its content. */
  waiting = 0;
  readonly #gone = new AbortController();

  /** @param isNamed Unnamed ones, from URLs in requests, are not in the registry. */
  constructor(readonly name: string, public target: Target, readonly isNamed = true) {}

  /** Aborts when the name is removed, for those who wait for its content. */
  get gone(): AbortSignal {
    return this.#gone.signal;
  }

  get isGone(): boolean {
    return this.#gone.signal.aborted;
  }

  remove(): void {
    this.#gone.abort(unknownAdapter(this.name));
  }

  /** The failure, if it is one of the present target. */
  get targetFailure(): Failure | null {
    return this.failure?.target === this.target ? this.failure : null;
  }
}

export function describeEntry(entry: AdapterEntry, level: AdapterLevel): AdapterInfo {
  const { name, target, owner, content, failure } = entry;
  return {
    name,
    url: target.source.location,
    owner,
    state: stateOf(entry),
    level,
    pinned: entry.isPinned,
    generation: content?.generation ?? null,
    sha256: content?.sha256 ?? null,
    rank: content?.rank ?? null,
    bytes: content?.bytes ?? null,
    targetModules: content?.targetModules ?? null,
    progress: entry.progress,
    error: failure && {
      code: failure.error.reason ?? failure.error.code,
      message: failure.error.message,
      at: failure.at,
      retryAt: failure.retryAt,
    },
  };
}

export function stateOf({ reads, put, content, failure }: AdapterEntry): AdapterState {
  if (reads > 0 || put !== null) return "loading";
  if (content !== null) return "ready";
  return failure === null ? "registered" : "failed";
}

/** @throws {WeftError} `bad_name` when the name is not ADAPTER_NAME. */
export function refuseName(name: string): void {
  if (ADAPTER_NAME.test(name)) return;
  throw adapterError(
    "bad_name",
    `its name must be 1 to 128 letters, digits, dots, underscores or hyphens`,
  );
}

export function unknownAdapter(name: string): Error {
  return adapterError("adapter_not_found", `Adapter ${JSON.stringify(name)} does not exist`);
}

import { adapterError } from "../reasons.ts";
import type { FetchProgress } from "../origin.ts";
import type { AdapterInfo, AdapterLevel, AdapterOwner, AdapterState } from "../types.ts";
import type { Content, Target } from "./content.ts";
import type { AdapterEvent } from "./events.ts";
import type { Failure } from "./retry_policy.ts";
import type { PinHold } from "./tiers.ts";

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
  /** Prompts by which a router knows what the adapter is for. */
  examples: readonly string[] | null = null;
  /** The latest good content, wherever it is. */
  content: Content | null = null;
  failure: Failure | null = null;
  /** The origin is known to have other content, or another origin was named, and that was not tried yet. */
  isStale = false;
  put: PutTurn | null = null;
  /** What holds a pinned name's content on every tier, once it is there. */
  pin: PinHold | null = null;
  /** Keeps it on the disk until then. */
  diskPin: (() => void) | null = null;
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

  /** Another hold, or none, in the place of the present one. */
  replacePin(pin: PinHold | null): void {
    const earlier = this.pin;
    this.pin = pin;
    earlier?.release();
    this.diskPin?.();
    this.diskPin = null;
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

/** To be made before the name goes, and told after. */
export function removalOf({ name, content }: AdapterEntry): AdapterEvent {
  return { kind: "removed", name, generation: content?.generation ?? null };
}

export function unknownAdapter(name: string): Error {
  return adapterError("adapter_not_found", `Adapter ${JSON.stringify(name)} does not exist`);
}

import { WeftError } from "../../engine/core/errors.ts";
import { ADAPTER_NAME } from "../name.ts";
import type { Origins } from "../origin.ts";
import { adapterError } from "../reasons.ts";
import { underSignals } from "../signals.ts";
import type { PutOptions } from "../types.ts";
import type { Target } from "./content.ts";
import type { ContentLoader } from "./content_loader.ts";
import { AdapterEntry, type PutTurn } from "./entry.ts";
import type { NameChange, Names } from "./names.ts";
import type { Tiers } from "./tiers.ts";
import type { Updater, UpdateResult } from "./updater.ts";

const SHA256 = /^[0-9a-f]{64}$/i;

export interface PutsOptions {
  names: Names;
  tiers: Tiers;
  loader: ContentLoader;
  updater: Updater;
  origins: Origins;
  /** Names that mean something else. */
  reservedNames: ReadonlySet<string>;
  closing: AbortSignal;
}

/** Names that the API registers or points elsewhere. A name has one put at a time: a newer one ends it. */
export class Puts {
  readonly #options: PutsOptions;

  constructor(options: PutsOptions) {
    this.#options = options;
  }

  /**
   * Checks what needs no origin, then begins. `done` resolves once the name stands for the new content.
   *
   * @throws {WeftError} `bad_name`, `name_taken`, `generation_conflict`, and what Origins throws.
   */
  start(name: string, options: PutOptions): { done: Promise<AdapterEntry> } {
    const { names } = this.#options;
    this.#refuseName(name);
    const target = this.#targetOf(options);
    const present = names.get(name);
    refuseOtherGeneration(name, present, options);
    const entry = present ?? this.#newEntry(name, target);
    if (!entry.isCommitted) {
      entry.target = target;
      entry.failure = null;
    }
    entry.put?.controller.abort(interrupted(name, "a newer one took its place"));
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    const turn: PutTurn = { controller: new AbortController(), ended };
    entry.put = turn;
    const done = this.#run(entry, { target, turn, options }).finally(() => {
      if (entry.put === turn) entry.put = null;
      end();
    });
    // Nobody has to wait for it: the name's state says how it went.
    done.catch(() => {});
    return { done: done.then(() => entry) };
  }

  /** Ends the put of a name that is deleted. */
  interrupt({ name, put }: AdapterEntry): void {
    put?.controller.abort(interrupted(name, "it was deleted"));
  }

  async #run(entry: AdapterEntry, work: PutWork): Promise<void> {
    const { updater, closing, names } = this.#options;
    const { turn, target, options } = work;
    const signals = [turn.controller.signal, options.signal, entry.gone, closing];
    try {
      await underSignals(signals, (signal) => this.#put(entry, { ...work, signal }));
    } catch (error) {
      const isCurrent = entry.put === turn && !entry.isGone;
      const aborted = signals.find((signal) => signal?.aborted);
      if (isCurrent && aborted && !entry.isCommitted) {
        names.remove(entry, { keepTombstone: false });
      }
      // Whatever else went wrong in the same moment: that it was given up is the answer.
      aborted?.throwIfAborted();
      if (!isCurrent) throw error;
      if (error instanceof WeftError && error.reason === "generation_conflict") throw error;
      throw updater.remember(entry, { error, target, isRetried: false });
    }
  }

  async #put(entry: AdapterEntry, work: PutWork & { signal: AbortSignal }): Promise<void> {
    const { target, turn, options, signal } = work;
    const change: NameChange = { target, owner: "api" };
    if (options.pinned !== undefined) change.isPinned = options.pinned;
    if (options.examples !== undefined) {
      change.examples = options.examples.length === 0 ? null : [...options.examples];
    }
    const refuse = () => {
      turn.controller.signal.throwIfAborted();
      refuseOtherGeneration(entry.name, entry, options);
    };
    for (;;) {
      const result = await this.#bring(entry, { target, signal, change, refuse });
      if (result.kind !== "content") continue;
      result.hold.release();
      return;
    }
  }

  /** The same URL is asked whether it has something else than the content that is at hand. */
  async #bring(
    entry: AdapterEntry,
    options: Parameters<Updater["update"]>[1],
  ): Promise<UpdateResult> {
    const { updater, loader } = this.#options;
    const { content } = entry;
    const version = entry.target.url === options.target.url && this.#isAtHand(entry)
      ? content?.version
      : null;
    const result = await updater.update(entry, { ...options, unless: version ?? undefined });
    if (result.kind !== "unchanged" || !content || !version) return result;
    const hold = await loader.fromDisk(content, options.signal);
    if (hold === null) return { kind: "moved" };
    const found = { content: { ...content, version }, hold, earlier: content };
    return await updater.take(entry, found, options);
  }

  #isAtHand({ content, target }: AdapterEntry): boolean {
    if (content === null) return false;
    const { memory, disk } = this.#options.tiers;
    if (memory.has(content.generation)) return true;
    return !target.source.isLocal && disk !== undefined && disk.has(content.generation);
  }

  #newEntry(name: string, target: Target): AdapterEntry {
    const { names } = this.#options;
    const entry = new AdapterEntry(name, target);
    entry.isCommitted = false;
    entry.place = names.deletedFrom(name);
    names.show(entry);
    return entry;
  }

  #targetOf({ url, sha256 }: PutOptions): Target {
    if (sha256 !== undefined && !SHA256.test(sha256)) {
      throw new WeftError(
        "invalid_request",
        `sha256 must be 64 hexadecimal digits; got ${JSON.stringify(sha256)}`,
        { param: "sha256" },
      );
    }
    const source = this.#options.origins.adapter(url);
    return { url, source, requiredSha256: sha256?.toLowerCase() ?? null };
  }

  #refuseName(name: string): void {
    if (!ADAPTER_NAME.test(name)) {
      throw adapterError(
        "bad_name",
        `Cannot register adapter ${
          JSON.stringify(name)
        }: a name must be 1 to 128 letters, digits, ` +
          `dots, underscores or hyphens`,
      );
    }
    if (!this.#options.reservedNames.has(name)) return;
    throw adapterError(
      "name_taken",
      `Cannot register adapter ${
        JSON.stringify(name)
      }: the name means the base model or the router`,
    );
  }
}

interface PutWork {
  target: Target;
  turn: PutTurn;
  options: PutOptions;
}

/** Compare-and-swap: null stands for a name that is free, or whose first put hasn't succeeded. */
function refuseOtherGeneration(
  name: string,
  entry: AdapterEntry | undefined,
  { expectedGeneration: expected }: PutOptions,
): void {
  if (expected === undefined) return;
  const isFree = entry === undefined || !entry.isCommitted;
  const present = entry?.content?.generation ?? null;
  if (expected === null ? isFree : present === expected) return;
  const held = isFree ? "it does not exist" : `it stands for ${present ?? "nothing yet"}`;
  throw adapterError(
    "generation_conflict",
    `Cannot put adapter ${JSON.stringify(name)}: expected is ` +
      `${
        expected === null ? "a free name" : `the generation ${JSON.stringify(expected)}`
      }, but ${held}`,
  );
}

function interrupted(name: string, why: string): Error {
  return adapterError(
    "generation_conflict",
    `Putting adapter ${JSON.stringify(name)} was ended: ${why}`,
  );
}

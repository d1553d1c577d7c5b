import type { AdapterCatalogue, ListedAdapter } from "../origin.ts";
import type { Background } from "./background.ts";
import type { Clock } from "../clock.ts";
import type { Content, Target } from "./content.ts";
import { AdapterEntry, removalOf } from "./entry.ts";
import type { OnAdapterEvent } from "./events.ts";
import { ListingProblems } from "./listing_problems.ts";
import type { NameChange, Names } from "./names.ts";

type Report = (problem: string) => void;

export interface CatalogueSyncOptions {
  names: Names;
  background: Background;
  clock: Clock;
  reservedNames: ReadonlySet<string>;
  onEvent: OnAdapterEvent;
}

/** Brings the names to what catalogues list. */
export class CatalogueSync {
  readonly #options: CatalogueSyncOptions;
  readonly #problems: ListingProblems;

  constructor(options: CatalogueSyncOptions) {
    this.#options = options;
    this.#problems = new ListingProblems((place, message) =>
      options.onEvent({ kind: "listing_problem", place, message })
    );
  }

  /** @throws {WeftError} when the place can't be listed; then all stays as it was. */
  async sync(catalogue: AdapterCatalogue, signal: AbortSignal): Promise<void> {
    const { clock, onEvent, background } = this.#options;
    const startedAt = clock.now();
    const place = catalogue.location;
    const problems = this.#problems.begin(place);
    const { listed, added, changed, removed } = await this.#bring(catalogue, {
      signal,
      report: problems.report,
    }).finally(problems.end);
    onEvent({
      kind: "listed",
      place,
      adapters: listed.length,
      added: added.length,
      changed: changed.length,
      removed: removed.length,
      ms: clock.now() - startedAt,
    });
    for (const entry of changed) background.keep(entry);
  }

  async #bring(
    catalogue: AdapterCatalogue,
    { signal, report }: { signal: AbortSignal; report: Report },
  ) {
    const listed = await catalogue.list(signal, report);
    signal.throwIfAborted();
    return { listed, ...this.#apply(catalogue.location, { listed, report }) };
  }

  #apply(
    place: string,
    { listed, report }: { listed: readonly ListedAdapter[]; report: Report },
  ) {
    const { names } = this.#options;
    const added: AdapterEntry[] = [];
    const moves: { entry: AdapterEntry; change: NameChange }[] = [];
    const changed: AdapterEntry[] = [];
    for (const item of listed) {
      const entry = names.get(item.name);
      if (entry?.owner === "catalogue" && entry.place === place) {
        const change = moveOf(entry, item);
        if (change) moves.push({ entry, change });
        if (compare(entry, item) || change) changed.push(entry);
      } else if (entry) {
        const change = this.#meet(entry, { place, report });
        if (change) moves.push({ entry, change });
      } else if (this.#isFree(item.name, report)) {
        added.push(newEntry(item, place));
      }
    }
    names.add(added);
    names.commitAll(moves);
    const removed = this.#removeOthers(place, new Set(listed.map(({ name }) => name)));
    return { added, changed, removed };
  }

  #isFree(name: string, report: Report): boolean {
    const { names, reservedNames } = this.#options;
    if (names.deletedFrom(name) !== null) return false;
    if (!reservedNames.has(name)) return true;
    report(
      `Adapter ${JSON.stringify(name)} is left out: the name means the base model or the router`,
    );
    return false;
  }

  /** A name that the API or the manifest holds stays theirs; two catalogues' is the first one's. */
  #meet(
    entry: AdapterEntry,
    { place, report }: { place: string; report: Report },
  ): NameChange | null {
    if (entry.owner !== "catalogue" && entry.isCommitted && entry.place === null) return { place };
    if (entry.owner === "catalogue" && entry.place !== null) {
      report(
        `Adapter ${JSON.stringify(entry.name)} is left out: ${entry.place} lists the name too`,
      );
    }
    return null;
  }

  #removeOthers(place: string, listed: ReadonlySet<string>): AdapterEntry[] {
    const { names, onEvent } = this.#options;
    const vanished = names.all().filter((entry) =>
      entry.place === place && entry.put === null && !listed.has(entry.name)
    );
    const removed = vanished.filter(({ owner }) => owner === "catalogue");
    const others = vanished.filter(({ owner }) => owner !== "catalogue");
    names.commitAll(others.map((entry) => ({ entry, change: { place: null } })));
    const events = removed.map((entry) => removalOf(entry));
    names.removeAll(removed);
    for (const event of events) onEvent(event);
    return removed;
  }
}

/** Content whose origin was replaced by another: its version means nothing there. */
export function withoutVersion(content: Content | null): Content | null {
  return content && { ...content, version: null };
}

function newEntry({ name, url, source, version }: ListedAdapter, place: string): AdapterEntry {
  const entry = new AdapterEntry(name, { url, source, requiredSha256: null });
  entry.owner = "catalogue";
  entry.place = place;
  entry.isListedWithVersion = version !== undefined;
  return entry;
}

/** What changes in the registry: another URL. */
function moveOf(entry: AdapterEntry, { url, source }: ListedAdapter): NameChange | null {
  const target: Target = { url, source, requiredSha256: null };
  if (entry.target.url !== url) return { target, content: withoutVersion(entry.content) };
  // The listing may know how to open what the registry's URL alone does not.
  if (entry.isRestored) entry.target = target;
  entry.isRestored = false;
  return null;
}

/** Notes what the listing says of an adapter's version; true when the content is out of date. */
function compare(entry: AdapterEntry, { url, version }: ListedAdapter): boolean {
  entry.isListedWithVersion = version !== undefined;
  const hasMoved = entry.target.url !== url;
  if (version === undefined && !hasMoved) return false;
  const { content, targetFailure } = entry;
  if (targetFailure?.version !== undefined) {
    // It was bad, and still is.
    if (targetFailure.version === version) return false;
    entry.failure = null;
  }
  if (content === null) return false;
  entry.isStale = hasMoved || content.version !== version;
  if (!entry.isStale && targetFailure) entry.failure = null;
  return entry.isStale;
}

import { WeftError } from "../../engine/core/errors.ts";
import type { Content, Target } from "./content.ts";
import type { AdapterEntry } from "./entry.ts";
import type { RegistryRow } from "../registry/mod.ts";
import type { NameRegistry } from "./ports.ts";
import type { Tiers } from "./tiers.ts";

/** What may change of a name; what is left out stays. */
export type NameChange = Partial<
  Pick<AdapterEntry, "target" | "owner" | "place" | "isPinned" | "examples" | "content">
>;

/** Told of every change, once it is true. `removed`: names went. */
export type NamesListener = (kind: "changed" | "removed") => void;

/**
 * The names and what they stand for. Each change is in the registry before it is true here, and both happen in
 * one step that nothing can come between.
 */
export class Names {
  readonly #entries = new Map<string, AdapterEntry>();
  /** Deleted names that their catalogue may list again, with that catalogue's place. */
  readonly #tombstones = new Map<string, string>();
  readonly #tiers: Tiers;
  readonly #registry?: NameRegistry;
  readonly #listeners = new Set<NamesListener>();

  constructor(tiers: Tiers, registry?: NameRegistry) {
    this.#tiers = tiers;
    this.#registry = registry;
  }

  get(name: string): AdapterEntry | undefined {
    return this.#entries.get(name);
  }

  /** What the registry says of each, if there were one; tombstones aside. */
  rows(): RegistryRow[] {
    return this.all().filter(({ isCommitted }) => isCommitted).map((entry) => rowOf(entry));
  }

  all(): AdapterEntry[] {
    return [...this.#entries.values()];
  }

  /** Until the returned function is called. */
  watch(listener: NamesListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Names with examples that stand for something. */
  *withExamples(): Generator<string> {
    for (const { name, examples, isCommitted } of this.#entries.values()) {
      if (examples !== null && isCommitted) yield name;
    }
  }

  /** The catalogue that lists a deleted name. */
  deletedFrom(name: string): string | null {
    return this.#tombstones.get(name) ?? null;
  }

  /** Shows a name that isn't in the registry: not yet, or not any more than it is there already. */
  show(entry: AdapterEntry): void {
    this.#entries.set(entry.name, entry);
  }

  /** Registers new names that stand for nothing yet. */
  add(entries: readonly AdapterEntry[]): void {
    this.#write((registry) => registry.putAll(entries.map((entry) => rowOf(entry))));
    for (const entry of entries) {
      this.#tombstones.delete(entry.name);
      this.#entries.set(entry.name, entry);
    }
    if (entries.length > 0) this.#tell("changed");
  }

  /** Moves a name, its target or its pin. Unnamed content changes here alone. */
  commit(entry: AdapterEntry, change: NameChange): void {
    entry.gone.throwIfAborted();
    if (entry.isNamed) this.#write((registry) => registry.put(rowOf(entry, change)));
    this.#apply(entry, change);
    this.#tell("changed");
  }

  /** The same for many at once. */
  commitAll(changes: readonly { entry: AdapterEntry; change: NameChange }[]): void {
    this.#write((registry) =>
      registry.putAll(changes.map(({ entry, change }) => rowOf(entry, change)))
    );
    for (const { entry, change } of changes) this.#apply(entry, change);
    if (changes.length > 0) this.#tell("changed");
  }

  /** Takes a name away at once; `beforeGone` may say more to who waits for it. Leases keep its content; without any it leaves. */
  remove(
    entry: AdapterEntry,
    { keepTombstone, beforeGone }: { keepTombstone: boolean; beforeGone?(): void },
  ): void {
    const place = keepTombstone ? entry.place : null;
    if (place !== null) {
      this.#write((registry) => registry.put(tombstoneOf(entry)));
      this.#tombstones.set(entry.name, place);
    } else this.#forget([entry]);
    this.#end(entry, beforeGone);
    this.#tell("removed");
  }

  /** The same for many that are not listed any more. */
  removeAll(entries: readonly AdapterEntry[]): void {
    this.#forget(entries);
    for (const entry of entries) this.#end(entry);
    if (entries.length > 0) this.#tell("removed");
  }

  /** Takes a row of the registry up again. */
  restore(row: RegistryRow, makeEntry: (row: RegistryRow) => AdapterEntry): AdapterEntry | null {
    if (row.deleted) {
      if (row.place !== null) this.#tombstones.set(row.name, row.place);
      return null;
    }
    const entry = makeEntry(row);
    this.#entries.set(row.name, entry);
    this.#apply(entry, {
      owner: row.owner,
      place: row.place,
      isPinned: row.pinned,
      examples: row.examples,
      content: contentOf(row),
    });
    return entry;
  }

  /** @throws {WeftError} what went wrong, without the registry's place on this machine: clients see it. */
  #write(action: (registry: NameRegistry) => void): void {
    if (!this.#registry) return;
    try {
      action(this.#registry);
    } catch (error) {
      const { code, reason } = error instanceof WeftError
        ? error
        : { code: "internal" as const, reason: undefined };
      const why = reason === "disk_full" ? "its disk is full" : code;
      throw new WeftError(code, `the registry cannot be written (${why})`, {
        cause: error,
        reason,
      });
    }
  }

  #tell(kind: "changed" | "removed"): void {
    for (const listener of this.#listeners) listener(kind);
  }

  /** In the registry; a tombstone there is not the entry's. */
  #forget(entries: readonly AdapterEntry[]): void {
    const names = entries.filter(({ isNamed }) => isNamed).map(({ name }) => name)
      .filter((name) => !this.#tombstones.has(name));
    this.#write((registry) => registry.removeAll(names));
  }

  #end(entry: AdapterEntry, beforeGone?: () => void): void {
    if (this.#entries.get(entry.name) === entry) this.#entries.delete(entry.name);
    beforeGone?.();
    entry.remove();
    entry.replacePin(null);
    const { content } = entry;
    entry.content = null;
    if (content) this.#tiers.unrefer(content.generation);
  }

  #apply(entry: AdapterEntry, change: NameChange): void {
    const earlier = entry.content?.generation;
    Object.assign(entry, change);
    entry.isCommitted = true;
    this.#tombstones.delete(entry.name);
    const present = entry.content?.generation;
    if (present === earlier) return;
    if (present !== undefined) this.#tiers.refer(present);
    if (earlier !== undefined) this.#tiers.unrefer(earlier);
  }
}

function rowOf(entry: AdapterEntry, change: NameChange = {}): RegistryRow {
  const { name, target, owner, place, isPinned, examples, content } = {
    ...pick(entry),
    ...change,
  };
  return {
    name,
    url: target.url,
    owner,
    place,
    generation: content?.generation ?? null,
    version: content?.version ?? null,
    sha256: content?.sha256 ?? null,
    rank: content?.rank ?? null,
    bytes: content?.bytes ?? null,
    targetModules: content?.targetModules ?? null,
    pinned: isPinned,
    requiredSha256: target.requiredSha256,
    examples,
    deleted: false,
  };
}

function pick({ name, target, owner, place, isPinned, examples, content }: AdapterEntry) {
  return { name, target, owner, place, isPinned, examples, content };
}

function tombstoneOf(entry: AdapterEntry): RegistryRow {
  const target: Target = { ...entry.target, requiredSha256: null };
  const row = rowOf(entry, { target, content: null, isPinned: false, examples: null });
  return { ...row, deleted: true };
}

function contentOf(row: RegistryRow): Content | null {
  const { generation, version, sha256, rank, bytes, targetModules } = row;
  if (generation === null || sha256 === null || rank === null || bytes === null) return null;
  return { generation, version, sha256, rank, bytes, targetModules: targetModules ?? [] };
}

import type { Origins } from "../origin.ts";
import { AdapterEntry } from "./entry.ts";
import type { Names } from "./names.ts";
import type { RegistryRow } from "../registry/mod.ts";
import type { NameRegistry } from "./ports.ts";
import { sourceOf } from "./refused_source.ts";
import type { Tiers } from "./tiers.ts";

export interface RestoreOptions {
  registry: NameRegistry;
  names: Names;
  tiers: Tiers;
  origins: Origins;
  /** The catalogues that are configured now. */
  places: ReadonlySet<string>;
  hasManifest: boolean;
}

/**
 * Takes up what the registry holds, without a look at any origin. Names of a catalogue or manifest that is no
 * longer configured are forgotten.
 */
export function restoreNames(
  { registry, names, tiers, origins, ...configured }: RestoreOptions,
): void {
  const rows = registry.rows();
  const forgotten = new Set(rows.filter((row) => isForgotten(row, configured)));
  registry.removeAll([...forgotten].map(({ name }) => name));
  for (const row of rows) {
    if (forgotten.has(row)) continue;
    const entry = names.restore(row, (row) => entryOf(row, origins));
    const generation = entry?.content?.generation;
    if (!entry?.isPinned || generation === undefined) continue;
    tiers.pinOnDisk(generation);
    entry.diskPin = () => tiers.unpinOnDisk(generation);
  }
}

function isForgotten(
  { owner, place, deleted }: RegistryRow,
  { places, hasManifest }: Pick<RestoreOptions, "places" | "hasManifest">,
): boolean {
  if (owner === "manifest" && !deleted) return !hasManifest;
  if (owner === "catalogue" || deleted) return place === null || !places.has(place);
  return false;
}

function entryOf({ name, url, requiredSha256 }: RegistryRow, origins: Origins): AdapterEntry {
  const entry = new AdapterEntry(name, { url, source: sourceOf(origins, url), requiredSha256 });
  entry.isRestored = true;
  return entry;
}

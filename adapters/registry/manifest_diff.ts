import type { AdapterOwner } from "../types.ts";
import type { Manifest, ManifestAdapter } from "./manifest.ts";
import type { RegistryRow } from "./row.ts";

export interface NamedManifestAdapter extends ManifestAdapter {
  name: string;
}

/** What to do for a replica to hold what the manifest says; empty lists when it does. */
export interface ManifestDiff {
  /** Names that nobody holds, or that were deleted. */
  add: NamedManifestAdapter[];
  /** Names to point elsewhere, pin, unpin or take over. */
  change: NamedManifestAdapter[];
  /** The manifest's own names that it no longer has. No tombstone is due: a catalogue may bring the name again. */
  remove: string[];
  /**
   * The names in `change` that a catalogue or the API holds. The manifest wins: it is the one place that all
   * replicas agree on. For the log.
   */
  conflicts: { name: string; owner: Exclude<AdapterOwner, "manifest"> }[];
}

/** Names of other owners that the manifest doesn't have are left alone. */
export function diffManifest(rows: Iterable<RegistryRow>, { adapters }: Manifest): ManifestDiff {
  const diff: ManifestDiff = { add: [], change: [], remove: [], conflicts: [] };
  const held = new Map<string, RegistryRow>();
  for (const row of rows) {
    if (row.deleted) continue;
    held.set(row.name, row);
    if (row.owner === "manifest" && !adapters.has(row.name)) diff.remove.push(row.name);
  }
  for (const [name, adapter] of adapters) {
    const row = held.get(name);
    if (row === undefined) {
      diff.add.push({ name, ...adapter });
      continue;
    }
    if (isAsWanted(row, adapter)) continue;
    diff.change.push({ name, ...adapter });
    if (row.owner !== "manifest") diff.conflicts.push({ name, owner: row.owner });
  }
  return diff;
}

function isAsWanted(row: RegistryRow, wanted: ManifestAdapter): boolean {
  const { url, sha256, pinned, examples } = wanted;
  return row.owner === "manifest" && row.url === url && row.requiredSha256 === sha256 &&
    (pinned === null || row.pinned === pinned) && isSameList(row.examples, examples);
}

function isSameList(a: readonly string[] | null, b: readonly string[] | null): boolean {
  return a?.length === b?.length && (a ?? []).every((text, i) => text === b?.[i]);
}

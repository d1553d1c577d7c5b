import type { Origins } from "../origin.ts";
import { diffManifest, type Manifest, type NamedManifestAdapter } from "../registry/mod.ts";
import type { Background } from "./background.ts";
import { withoutVersion } from "./catalogue_sync.ts";
import { meets, type Target } from "./content.ts";
import { AdapterEntry, removalOf } from "./entry.ts";
import type { OnAdapterEvent } from "./events.ts";
import type { NameChange, Names } from "./names.ts";
import { sourceOf } from "./refused_source.ts";

export interface ManifestSyncOptions {
  names: Names;
  background: Background;
  origins: Origins;
  reservedNames: ReadonlySet<string>;
  /** For people. */
  location: string;
  onEvent: OnAdapterEvent;
}

/**
 * Brings the names to what the fleet's manifest says. Contents follow when they are used; where they are warm, at
 * once, and until then the earlier ones serve.
 */
export class ManifestSync {
  readonly #options: ManifestSyncOptions;

  constructor(options: ManifestSyncOptions) {
    this.#options = options;
  }

  apply(manifest: Manifest): void {
    const { names, background, onEvent } = this.#options;
    const diff = diffManifest(names.rows(), manifest);
    const added = this.#allowed(diff.add).map((adapter) => this.#newEntry(adapter));
    const changes = this.#allowed(diff.change).flatMap((adapter) => {
      const entry = names.get(adapter.name);
      return entry ? [{ entry, change: this.#changeOf(entry, adapter) }] : [];
    });
    for (const { name, owner } of diff.conflicts) {
      this.#tell(`The manifest takes adapter ${JSON.stringify(name)} over from the ${owner}`);
    }
    names.add(added);
    names.commitAll(changes);
    for (const { entry } of changes) afterChange(entry);
    const removed = diff.remove.flatMap((name) => names.get(name) ?? []);
    const events = removed.map((entry) => removalOf(entry));
    names.removeAll(removed);
    for (const event of events) onEvent(event);
    for (const entry of [...added, ...changes.map(({ entry }) => entry)]) background.keep(entry);
  }

  #allowed(adapters: readonly NamedManifestAdapter[]): NamedManifestAdapter[] {
    const { reservedNames } = this.#options;
    return adapters.filter(({ name }) => {
      if (!reservedNames.has(name)) return true;
      this.#tell(
        `Adapter ${JSON.stringify(name)} is left out: the name means the base model or the router`,
      );
      return false;
    });
  }

  #newEntry(adapter: NamedManifestAdapter): AdapterEntry {
    const entry = new AdapterEntry(adapter.name, this.#targetOf(adapter));
    entry.owner = "manifest";
    entry.isPinned = adapter.pinned ?? false;
    entry.examples = adapter.examples;
    return entry;
  }

  #changeOf(entry: AdapterEntry, adapter: NamedManifestAdapter): NameChange {
    const change: NameChange = { owner: "manifest", examples: adapter.examples };
    if (adapter.pinned !== null) change.isPinned = adapter.pinned;
    const { url, requiredSha256 } = entry.target;
    if (url === adapter.url && requiredSha256 === adapter.sha256) return change;
    change.target = this.#targetOf(adapter);
    const { content } = entry;
    const isMet = content === null || meets(content, adapter.sha256);
    if (url !== adapter.url || !isMet) change.content = withoutVersion(content);
    return change;
  }

  #targetOf({ url, sha256 }: NamedManifestAdapter): Target {
    return { url, source: sourceOf(this.#options.origins, url), requiredSha256: sha256 };
  }

  #tell(message: string): void {
    const { location: place, onEvent } = this.#options;
    onEvent({ kind: "listing_problem", place, message });
  }
}

/** Whether its content is what the manifest means is found out at the origin, or told by its hash. */
function afterChange(entry: AdapterEntry): void {
  const { content, target } = entry;
  if (!entry.isPinned) entry.replacePin(null);
  if (content === null) return;
  const isCertain = target.requiredSha256 !== null && meets(content, target.requiredSha256);
  entry.isStale = content.version === null && !isCertain;
}

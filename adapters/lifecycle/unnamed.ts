import type { Origins } from "../origin.ts";
import { AdapterEntry } from "./entry.ts";
import type { Tiers } from "./tiers.ts";

/** More are forgotten, least recently used first. */
const MAX_REMEMBERED = 256;

/** Adapters that requests named by URL. They are in no registry. */
export class UnnamedAdapters {
  /** By the whole URL; least recently used first. */
  readonly #entries = new Map<string, AdapterEntry>();
  readonly #origins: Origins;
  readonly #tiers: Tiers;

  constructor(origins: Origins, tiers: Tiers) {
    this.#origins = origins;
    this.#tiers = tiers;
  }

  all(): AdapterEntry[] {
    return [...this.#entries.values()];
  }

  /** @throws {WeftError} as Origins. */
  get(url: string): AdapterEntry {
    const entry = this.#entries.get(url) ?? this.#newEntry(url);
    this.#entries.delete(url);
    this.#entries.set(url, entry);
    for (const [url, other] of this.#entries) {
      if (this.#entries.size <= MAX_REMEMBERED) break;
      if (other !== entry && other.waiting === 0) this.#forget(url, other);
    }
    return entry;
  }

  #newEntry(url: string): AdapterEntry {
    const source = this.#origins.adapter(url);
    const isNamed = false;
    return new AdapterEntry(source.location, { url, source, requiredSha256: null }, isNamed);
  }

  /** Leases keep its content. */
  #forget(url: string, entry: AdapterEntry): void {
    this.#entries.delete(url);
    entry.remove();
    const { content } = entry;
    entry.content = null;
    if (content) this.#tiers.unrefer(content.generation);
  }
}

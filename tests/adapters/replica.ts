import type { WatchedObject } from "../../adapters/origin.ts";
import {
  diffManifest,
  type Manifest,
  ManifestWatcher,
  type NamedManifestAdapter,
  Registry,
  type RegistryRow,
} from "../../adapters/registry/mod.ts";
import { registryRow } from "./registry/rows.ts";

/** What goes wrong in one poll. */
export type ReplicaFault =
  | { kind: "none" }
  | { kind: "unreachable" }
  /** The origin ignores the condition and sends the body. */
  | { kind: "unconditional" }
  /** So many changes are made; the next one fails. */
  | { kind: "fails_after"; changes: number };

/** One server of a fleet as far as names go: a registry on disk, a watcher, and what it would serve in memory. */
export class Replica {
  readonly #object: WatchedObject;
  readonly #path: string;
  #registry: Registry;
  #watcher: ManifestWatcher;
  /** What requests would see: URLs by name. */
  #served = new Map<string, string>();
  #fault: ReplicaFault = { kind: "none" };

  constructor(object: WatchedObject, path: string) {
    this.#object = object;
    this.#path = path;
    this.#registry = this.#open();
    this.#watcher = this.#watch();
  }

  /** Whether it fails is for the caller to see from what is held afterwards. */
  async poll(fault: ReplicaFault): Promise<void> {
    this.#fault = fault;
    await this.#watcher.poll().catch(() => {});
  }

  /** Forgets everything but the registry. */
  async restart(): Promise<void> {
    await this.stop();
    this.#registry = this.#open();
    this.#watcher = this.#watch();
  }

  async stop(): Promise<void> {
    await this.#watcher.stop();
    this.#registry.close();
  }

  /** A catalogue lists this name, or, where the manifest has it, someone changes its pin in memory. */
  changeLocally(name: string): void {
    const row = this.#registry.rows().find((row) => row.name === name);
    this.#put(
      row?.owner === "manifest" ? { ...row, pinned: !row.pinned } : registryRow({
        name,
        owner: "catalogue",
        place: "s3://local/",
        url: "s3://bucket/1",
      }),
    );
  }

  /** The rows, after a look that memory agrees with them. */
  rows(): RegistryRow[] {
    const rows = this.#registry.rows();
    const served = new Map(rows.map(({ name, url }) => [name, url]));
    if (!sameEntries(served, this.#served)) throw new Error("memory and registry disagree");
    return rows;
  }

  #open(): Registry {
    const registry = Registry.open(this.#path);
    this.#served = new Map(registry.rows().map(({ name, url }) => [name, url]));
    return registry;
  }

  #watch(): ManifestWatcher {
    return new ManifestWatcher({
      object: {
        location: this.#object.location,
        read: ({ unless, signal }) => {
          if (this.#fault.kind === "unreachable") return Promise.reject(new Error("unreachable"));
          return this.#object.read({
            unless: this.#fault.kind === "unconditional" ? undefined : unless,
            signal,
          });
        },
      },
      intervalMs: 1e6,
      apply: (manifest) => this.#apply(manifest),
      onError: () => {},
    });
  }

  async #apply(manifest: Manifest): Promise<void> {
    const { add, change, remove } = diffManifest(this.#registry.rows(), manifest);
    let left = this.#fault.kind === "fails_after" ? this.#fault.changes : Infinity;
    const step = async () => {
      await Promise.resolve();
      if (left-- <= 0) throw new Error("no room");
    };
    for (const name of remove) {
      await step();
      this.#registry.remove(name);
      this.#served.delete(name);
    }
    for (const adapter of [...add, ...change]) {
      await step();
      this.#put(this.#rowOf(adapter));
    }
  }

  #rowOf({ name, url, sha256, pinned, examples }: NamedManifestAdapter): RegistryRow {
    const old = this.#registry.rows().find((row) => row.name === name);
    return registryRow({
      name,
      url,
      owner: "manifest",
      requiredSha256: sha256,
      examples,
      pinned: pinned ?? old?.pinned ?? false,
    });
  }

  #put(row: RegistryRow): void {
    this.#registry.put(row);
    this.#served.set(row.name, row.url);
  }
}

function sameEntries(a: Map<string, string>, b: Map<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}

import { resolve } from "node:path";
import type { AdapterStoreOptions } from "./lifecycle/mod.ts";
import type { Origins } from "./origin.ts";
import { adapterError } from "./reasons.ts";
import { localCatalogue, LocalSource } from "./sources/mod.ts";
import { AdapterStore } from "./store.ts";

export interface LocalStoreOptions extends Omit<AdapterStoreOptions, "origins" | "catalogues"> {
  /** Directories of adapters, or that are adapters. */
  paths: readonly string[];
  /** A file beyond this is refused unread; as much as memory takes unless told. */
  maxFileBytes?: number;
}

/** A store over directories of this machine alone: no network, and no state unless it is passed in. */
export function openLocalStore(
  { paths, maxFileBytes, ...options }: LocalStoreOptions,
): Promise<AdapterStore> {
  const maxBytes = maxFileBytes ?? options.maxBytes;
  return AdapterStore.open({
    ...options,
    origins: localOrigins(maxBytes),
    catalogues: paths.map((path) => localCatalogue(resolve(path), { maxBytes })),
  });
}

function localOrigins(maxBytes: number): Origins {
  const refuse = () => {
    throw adapterError("scheme_not_allowed", "only directories on this machine can be named here");
  };
  return {
    adapter: (path) =>
      path.includes("://") ? refuse() : new LocalSource(resolve(path), { maxBytes }),
    catalogue: (path) =>
      path.includes("://") ? refuse() : localCatalogue(resolve(path), { maxBytes }),
    object: refuse,
  };
}

export {
  type Manifest,
  type ManifestAdapter,
  MAX_MANIFEST_BYTES,
  parseManifest,
} from "./manifest.ts";
export { diffManifest, type ManifestDiff, type NamedManifestAdapter } from "./manifest_diff.ts";
export { ManifestWatcher, type ManifestWatcherOptions } from "./manifest_watcher.ts";
export { Registry } from "./registry.ts";
export type { RegistryRow } from "./row.ts";

import type { AdapterSource, Origins } from "../origin.ts";
import { redact } from "../sources/mod.ts";

/**
 * The source of a URL; where it isn't allowed (any more), one whose every read says so. A name that the registry
 * or the manifest holds is shown with that reason, and serves from the disk what was fetched before.
 */
export function sourceOf(origins: Origins, url: string): AdapterSource {
  try {
    return origins.adapter(url);
  } catch (error) {
    return { location: redact(url), isLocal: false, read: () => Promise.reject(error) };
  }
}

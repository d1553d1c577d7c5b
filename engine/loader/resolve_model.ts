import { isCommit, isHubSpec, parseHubSpec } from "./hub_spec.ts";
import type { ResolveOptions } from "./resolve_options.ts";
import { isComplete, snapshotPath } from "./snapshot.ts";

/**
 * The directory of a model: a local path as it is, or `hf://owner/name[@revision]` downloaded into the
 * cache. A revision is pinned to its commit; a commit that is in the cache needs no network.
 *
 * @throws {WeftError} `not_found`, `unauthorized`, `unavailable` or `bad_model`, saying what to do.
 */
export async function resolveModel(spec: string, options: ResolveOptions): Promise<string> {
  if (!isHubSpec(spec)) return spec;
  const { repo, revision } = parseHubSpec(spec);
  if (revision !== null && isCommit(revision)) {
    const snapshot = snapshotPath(options.cacheDir, { repo, commit: revision });
    if (await isComplete(snapshot)) return snapshot;
  }
  // The default run serves a local model and never pays for the hub's library.
  const { downloadModel } = await import("./hub.ts");
  return await downloadModel({ repo, revision }, options);
}

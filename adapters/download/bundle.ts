// Stands in until the archive readers are merged.
export type BundleKind = "zip" | "tar" | "tar.gz" | "safetensors";

export function extractBundle(
  _archivePath: string,
  kind: BundleKind,
  _options: { into: string; maxBytes: number; signal: AbortSignal },
): Promise<void> {
  return Promise.reject(new Error(`no reader for ${kind} yet`));
}

/** What the origin serves. */
export interface OriginOptions {
  /** Of the demo's. */
  adapters: readonly string[];
  blobBytes: number;
}

/** How long answers take below `/far/`. */
export const FAR_MS = 20;

import type { RetryOptions } from "./resumable_download.ts";

/** How far a model's download is. */
export interface HubProgress {
  file: string;
  doneBytes: number;
  totalBytes: number;
}

export interface ResolveOptions {
  /** Where downloads are kept; created when needed. */
  cacheDir: string;
  /** The hub's address; https://huggingface.co if not given. */
  endpoint?: string;
  /** An access token (`hf_…`) for private and gated models. */
  token?: string;
  onProgress?: (progress: HubProgress) => void;
  signal?: AbortSignal;
  retry?: RetryOptions;
}

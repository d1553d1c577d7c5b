/** Every token's bytes, one behind the other. Plain data: `postMessage` copies it, or moves its two buffers. */
export interface TokenTable {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Token t's bytes end at `ends[t]` and begin where the token before it ends. */
  readonly ends: Uint32Array<ArrayBuffer>;
}

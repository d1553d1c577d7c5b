export interface UnpackOptions {
  /** An existing directory; the two files must not be in it yet. */
  into: string;
  /** All files of the archive together, unpacked. */
  maxBytes: number;
  signal: AbortSignal;
}

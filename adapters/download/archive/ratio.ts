import { adapterError } from "../../reasons.ts";

/** Tensors hardly shrink at all; what shrinks this much was made to. */
const MAX_RATIO = 200;
/** Small things may: a page of zeros is no harm. */
const FREE_BYTES = 1 << 20;

/** @throws {WeftError} `archive_bomb` when so few bytes unpack to so many. */
export function checkRatio(packedBytes: number, unpackedBytes: number): void {
  if (unpackedBytes <= FREE_BYTES + MAX_RATIO * packedBytes) return;
  throw adapterError(
    "archive_bomb",
    `${packedBytes} bytes of it unpack to ${unpackedBytes} or more; at most ${MAX_RATIO} times as many ` +
      `are allowed`,
  );
}

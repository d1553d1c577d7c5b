import assert from "node:assert/strict";
import { createOriginClient, type GuardedClient } from "../../../adapters/http/mod.ts";
import {
  type Downloadable,
  Downloader,
  type DownloaderOptions,
  type RetryPolicy,
} from "../../../adapters/download/mod.ts";

/** As patient as the default, in less time. */
export const QUICK_RETRY: RetryPolicy = {
  attempts: 5,
  delayMs: 2,
  maxDelayMs: 4,
  maxRetryAfterMs: 2000,
};

/** The real client, allowed to reach this machine over http. */
export function loopbackClient(options: { idleTimeoutMs?: number } = {}): GuardedClient {
  return createOriginClient({ allowInsecureLoopback: true, ...options });
}

export function quickDownloader(
  client: GuardedClient,
  options: Partial<DownloaderOptions> = {},
): Downloader {
  return new Downloader({ client, retry: QUICK_RETRY, ...options });
}

export function at(url: URL): Downloadable {
  return { location: url.pathname, request: (headers) => Promise.resolve({ url, headers }) };
}

/** Bytes that differ from one another's neighbourhoods, the same for the same seed. */
export function noise(length: number, seed = 1): Uint8Array<ArrayBuffer> {
  const random = randomFrom(seed);
  return Uint8Array.from({ length }, () => random() * 256);
}

/** A generator of numbers in [0, 1): mulberry32. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Says where two differ, not how: a comparison of long arrays takes minutes to print. */
export function assertSameBytes(actual: Uint8Array, expected: Uint8Array, label = "bytes"): void {
  assert.equal(actual.length, expected.length, `length of ${label}`);
  const at = actual.findIndex((byte, index) => byte !== expected[index]);
  assert.equal(at, -1, `${label} differ from index ${at} on`);
}

export async function withTempDir(body: (path: string) => Promise<void>): Promise<void> {
  const path = await Deno.makeTempDir({ prefix: "weft_sources_" });
  try {
    await body(path);
  } finally {
    await Deno.remove(path, { recursive: true });
  }
}

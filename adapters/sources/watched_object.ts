import { type Downloadable, type Downloader, MemorySink, withDeadline } from "../download/mod.ts";
import type { WatchedObject } from "../origin.ts";
import { identify, readWhole, realPathWithin, refuseOutside } from "./local_files.ts";

/** Whoever reads one again and again holds it in memory. */
const MAX_BYTES = 16 << 20;

export interface WatchedObjectOptions {
  downloader: Downloader;
  totalMs: number;
  maxBytes?: number;
}

/** An object of a store; its version is its ETag, or the sha256 of its content. */
export function watchedObject(
  object: Downloadable,
  { downloader, totalMs, maxBytes = MAX_BYTES }: WatchedObjectOptions,
): WatchedObject {
  const { location } = object;
  return {
    location,
    read({ unless, signal }) {
      return withDeadline(async (signal) => {
        const into = new MemorySink();
        const etag = unless?.startsWith("sha256:") ? undefined : unless;
        const got = await downloader.download(object, { into, maxBytes, unless: etag, signal });
        if (got === null) return null;
        const { bytes } = into;
        const version = got.etag ?? `sha256:${await sha256(bytes)}`;
        return version === unless ? null : { version, bytes };
      }, { ms: totalMs, signal, location });
    },
  };
}

/**
 * A file on this machine; with `roots`, one that must really lie below one of them.
 *
 * @throws {WeftError} `path_not_allowed`; so does reading it where a link leads out.
 */
export function watchedFile(
  path: string,
  { maxBytes = MAX_BYTES, roots }: { maxBytes?: number; roots?: readonly string[] } = {},
): WatchedObject {
  refuseOutside(path, roots);
  return {
    location: path,
    async read({ unless, signal }) {
      signal.throwIfAborted();
      const real = await realPathWithin(path, roots);
      const version = await identify(real);
      return version === unless ? null : { version, bytes: await readWhole(real, maxBytes) };
    },
  };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

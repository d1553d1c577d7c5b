import { type Downloader, MemorySink } from "../download/mod.ts";
import type { OriginRequest } from "../http/client.ts";
import { adapterError } from "../reasons.ts";
import type { ListingPage } from "./bucket_listing_xml.ts";
import type { ListedObject } from "./object_store.ts";

/** A page has up to 5,000 objects (Azure) of about a kilobyte. */
const MAX_PAGE_BYTES = 16 << 20;
/** A million objects, in pages of 1,000 (S3). */
const MAX_PAGES = 1000;
/** It becomes a part of the next request's URL; S3's and Azure's have a few hundred characters. */
const MAX_TOKEN_LENGTH = 4096;

export interface ListOptions {
  /** For people. */
  location: string;
  prefix: string;
  /** What asks for the page that `next` names; null is the first one. */
  request(next: string | null): Promise<Omit<OriginRequest, "signal">>;
  parse(bytes: Uint8Array, location: string): ListingPage;
  downloader: Downloader;
  signal: AbortSignal;
}

/**
 * Every object of a listing, page after page.
 *
 * @throws {WeftError} `bad_response` when a page isn't one, lists what was not asked for, or the listing doesn't
 *   end; what `Downloader.download` throws.
 */
export async function* listPages(options: ListOptions): AsyncIterable<ListedObject> {
  const { location, prefix, parse, downloader, signal } = options;
  const asked = new Set<string>();
  let next: string | null = null;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const into = new MemorySink();
    // Asked for once more after a broken connection, and then signed anew.
    const page = { location, request: () => options.request(next) };
    await downloader.download(page, { into, maxBytes: MAX_PAGE_BYTES, signal });
    const listed = parse(into.bytes, location);
    for (const object of listed.objects) {
      if (!object.key.startsWith(prefix)) {
        throw adapterError(
          "bad_response",
          `the listing of ${location} holds keys without the prefix asked for`,
        );
      }
      yield object;
    }
    if (listed.next === null) return;
    if (asked.has(listed.next) || listed.next.length > MAX_TOKEN_LENGTH) {
      throw adapterError("bad_response", `the listing of ${location} goes on in no way that ends`);
    }
    asked.add(listed.next);
    next = listed.next;
  }
  throw adapterError("bad_response", `the listing of ${location} has over ${MAX_PAGES} pages`);
}

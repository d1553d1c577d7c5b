import assert from "node:assert/strict";
import type { ListingPage } from "../../../adapters/sources/bucket_listing_xml.ts";
import { listPages } from "../../../adapters/sources/list_pages.ts";
import { loopbackClient, quickDownloader } from "../download/support.ts";
import { FaultServer } from "../fault_server.ts";
import { status } from "../faults.ts";
import { SIGNAL } from "./support.ts";

/** Lists a place whose nth page is this, and gives the tokens that were asked for. */
async function list(page: (n: number) => ListingPage): Promise<(string | null)[]> {
  await using server = FaultServer.start({ "/": status(200, {}, "page") });
  using client = loopbackClient();
  const tokens: (string | null)[] = [];
  const pages = listPages({
    location: "s3://bucket/",
    prefix: "",
    request(next) {
      tokens.push(next);
      return Promise.resolve({ url: server.url("/") });
    },
    parse: () => page(tokens.length - 1),
    downloader: quickDownloader(client),
    signal: SIGNAL,
  });
  await assert.rejects(Array.fromAsync(pages), { reason: "bad_response" });
  return tokens;
}

const objects = [{ key: "a", size: 1, etag: '"1"' }];

Deno.test("a listing that comes back to a page, at once or on a detour, is given up there", async () => {
  assert.deepEqual(await list(() => ({ objects, next: "a" })), [null, "a"]);
  assert.deepEqual(await list((n) => ({ objects, next: "abc"[n % 3] })), [null, "a", "b", "c"]);
});

Deno.test("a listing that never ends is given up after a thousand pages", async () => {
  assert.equal((await list((n) => ({ objects, next: `${n}` }))).length, 1000);
});

Deno.test("a token that no URL could hold is refused", async () => {
  assert.deepEqual(await list(() => ({ objects, next: "x".repeat(4097) })), [null]);
});

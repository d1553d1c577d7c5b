import { join } from "node:path";
import { Downloader, FileSink } from "../../adapters/download/mod.ts";
import { createOriginClient } from "../../adapters/http/mod.ts";
import { WebStore } from "../../adapters/sources/https.ts";
import { objectAt } from "../../adapters/sources/object_store.ts";
import { type Figure, format, percentiles } from "../measure.ts";
import { openSubject, type Origin, type Variants } from "./subject.ts";

const OBJECT_BYTES = 64 * 2 ** 20;
const ROUNDS = 5;
const ADAPTERS = 200;

/** How fast content comes from an origin on this machine: one large object, and many small adapters. */
export async function measureFetching(origin: Origin, small: Variants): Promise<Figure[]> {
  return [...await measureObject(origin), ...await measureAdapters(origin, small)];
}

/** Through the guarded client into a file, against `fetch` into nowhere; interleaved. */
async function measureObject(origin: Origin): Promise<Figure[]> {
  await origin.place({ "/large": new Uint8Array(OBJECT_BYTES).fill(7) });
  const url = new URL(origin.url("/large"));
  const folder = await Deno.makeTempDir({ dir: ".weft", prefix: "bench-" });
  using client = createOriginClient({ allowInsecureLoopback: true });
  const downloader = new Downloader({ client });
  const object = objectAt(new WebStore(url), "large");
  const rates = { ours: [] as number[], fetch: [] as number[] };
  for (let round = 0; round <= ROUNDS; round++) {
    let start = performance.now();
    const into = await FileSink.create(join(folder, `object-${round}`));
    await downloader.download(object, {
      into,
      maxBytes: OBJECT_BYTES,
      signal: new AbortController().signal,
    });
    const ours = performance.now() - start;
    start = performance.now();
    const response = await fetch(url);
    for await (const _ of response.body!);
    const plain = performance.now() - start;
    if (round === 0) continue;
    rates.ours.push(OBJECT_BYTES / 1e3 / ours);
    rates.fetch.push(OBJECT_BYTES / 1e3 / plain);
  }
  await Deno.remove(folder, { recursive: true });
  return [
    {
      what: "a 64 MiB object to the disk, guarded",
      value: format(percentiles(rates.ours).p50, "MB/s"),
    },
    {
      what: "the same object by fetch, into nowhere",
      value: format(percentiles(rates.fetch).p50, "MB/s"),
    },
  ];
}

/** From URLs to memory: fetched, hashed, checked, flushed to the disk, four at a time. */
async function measureAdapters(origin: Origin, small: Variants): Promise<Figure[]> {
  for (let i = 0; i < ADAPTERS; i++) await origin.place(small.next(`/many-${i}`));
  await using subject = await openSubject({ memoryBytes: 2 ** 29 });
  const start = performance.now();
  await Promise.all(Array.from({ length: ADAPTERS }, async (_, i) => {
    using _lease = await subject.store.acquireUrl(origin.url(`/many-${i}`));
  }));
  const seconds = (performance.now() - start) / 1000;
  return [{
    what: `adapters of ${format(small.bytes / 1000, "kB")}, from URLs to memory`,
    value: format(ADAPTERS / seconds, "adapters/s"),
  }];
}

import assert from "node:assert/strict";
import { Bandwidth, MemorySink } from "../../../adapters/download/mod.ts";
import { FaultServer } from "../fault_server.ts";
import { object } from "../faults.ts";
import { assertSameBytes, at, loopbackClient, noise, quickDownloader } from "./support.ts";

const SIGNAL = new AbortController().signal;

Deno.test("downloads share one bound on bytes a second", async () => {
  const bytes = noise(100_000);
  await using server = FaultServer.start({
    "/a": object(bytes, { chunkBytes: 10_000 }),
    "/b": object(bytes, { chunkBytes: 10_000 }),
  });
  using client = loopbackClient();
  const downloader = quickDownloader(client, { bandwidth: new Bandwidth(400_000) });
  const begin = performance.now();
  await Promise.all(["/a", "/b"].map(async (path) => {
    const into = new MemorySink();
    await downloader.download(at(server.url(path)), { into, maxBytes: 100_000, signal: SIGNAL });
    assertSameBytes(into.bytes, bytes);
  }));
  // Half a second for both, a quarter of which may pass at once.
  assert(performance.now() - begin >= 240);
});

Deno.test("who waits for bandwidth can leave", async () => {
  const bandwidth = new Bandwidth(1);
  const controller = new AbortController();
  const waiting = bandwidth.take(1000, controller.signal);
  controller.abort(new Error("gone"));
  await assert.rejects(waiting, { message: "gone" });
});

Deno.test("a bandwidth of nothing is refused", () => {
  for (const rate of [0, -1, NaN]) assert.throws(() => new Bandwidth(rate), RangeError);
});

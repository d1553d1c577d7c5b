import assert from "node:assert/strict";
import { join } from "node:path";
import { FileSink, MemorySink, withDeadline } from "../../../adapters/download/mod.ts";
import type { FetchProgress } from "../../../adapters/origin.ts";
import { type Behaviour, FaultServer } from "../fault_server.ts";
import {
  changing,
  endless,
  hangUp,
  object,
  raw,
  sequence,
  stallAfter,
  status,
  truncated,
  wrongLength,
} from "../faults.ts";
import {
  assertSameBytes,
  at,
  loopbackClient,
  noise,
  quickDownloader,
  randomFrom,
  withTempDir,
} from "./support.ts";

const SIGNAL = new AbortController().signal;
const PATH = "/adapter_model.safetensors";

/** Downloads into memory from a server with one path. */
async function fetched(
  behaviour: Behaviour,
  options: { maxBytes?: number; unless?: string; signal?: AbortSignal } = {},
) {
  await using server = FaultServer.start({ [PATH]: behaviour });
  using client = loopbackClient({ idleTimeoutMs: 300 });
  const into = new MemorySink();
  const seen: FetchProgress[] = [];
  const outcome = await quickDownloader(client)
    .download(at(server.url(PATH)), {
      into,
      maxBytes: options.maxBytes ?? 1 << 30,
      unless: options.unless,
      signal: options.signal ?? SIGNAL,
      onProgress: (progress) => seen.push({ ...progress }),
    })
    .then((got) => ({ got, error: undefined }), (error) => ({ got: undefined, error }));
  client.close();
  await server.idle();
  return { ...outcome, bytes: into.bytes, seen, requests: server.requests };
}

async function failure(behaviour: Behaviour, options?: Parameters<typeof fetched>[1]) {
  const { error, requests } = await fetched(behaviour, options);
  assert(error !== undefined, "the download must fail");
  return { reason: error.reason, message: error.message as string, error, requests };
}

Deno.test("a download whose connection breaks at random places goes on each time and is byte-identical", async () => {
  await withTempDir(async (directory) => {
    for (let seed = 1; seed <= 20; seed++) {
      const random = randomFrom(seed);
      const bytes = noise(50_000 + Math.floor(random() * 200_000), seed);
      await using server = FaultServer.start({
        [PATH]: (exchange) => {
          const afterBytes = 1 + Math.floor(random() * 60_000);
          return truncated(bytes, { afterBytes })(exchange);
        },
      });
      using client = loopbackClient();
      const path = join(directory, `${seed}`);
      using into = await FileSink.create(path);
      const got = await quickDownloader(client).download(at(server.url(PATH)), {
        into,
        maxBytes: bytes.length,
        signal: SIGNAL,
      });
      assert.equal(got?.bytes, bytes.length);
      assertSameBytes(await Deno.readFile(path), bytes, `seed ${seed}`);
      // A connection may break before its first byte is read: then the same is asked for again.
      const begins = server.requests.map(({ headers }) => begin(headers));
      assert.deepEqual(begins, begins.toSorted((a, b) => a - b));
      assert(begins.at(-1)! > 0);
      for (const { headers } of server.requests) {
        assert.equal(headers.get("if-match"), headers.has("range") ? '"v1"' : null);
      }
    }
  });
});

function begin(headers: Headers): number {
  return Number(headers.get("range")?.match(/\d+/)?.[0] ?? 0);
}

Deno.test("content that changes under a resumed download is taken anew, whole", async () => {
  const [old, present] = [noise(40_000, 1), noise(50_000, 2)];
  const { bytes, got, requests } = await fetched(sequence(
    truncated(old, { afterBytes: 20_000, etag: '"old"' }),
    object(present, { etag: '"new"' }),
  ));
  assertSameBytes(bytes, present);
  assert.equal(got?.etag, '"new"');
  // A range of the old one, refused, and then the whole.
  assert.deepEqual(requests.map(({ headers }) => headers.has("range")), [false, true, false]);
});

Deno.test("an origin that ignores If-Match can't mix two versions", async () => {
  const [old, present] = [noise(40_000, 1), noise(40_000, 2)];
  const careless: Behaviour = (exchange) => {
    exchange.request.headers.delete("if-match");
    return object(present, { etag: '"new"' })(exchange);
  };
  const first = truncated(old, { afterBytes: 20_000, etag: '"old"' });
  const { bytes } = await fetched(sequence(first, careless));
  assertSameBytes(bytes, present);
  const tagless: Behaviour = (exchange) => {
    exchange.request.headers.delete("if-match");
    return object(present, { etag: null })(exchange);
  };
  assertSameBytes((await fetched(sequence(first, tagless))).bytes, present);
});

Deno.test("content that changes at every request is given up", async () => {
  let version = 0;
  const { reason, requests } = await failure((exchange) => {
    version++;
    return truncated(noise(40_000, version), { afterBytes: 20_000, etag: `"v${version}"` })(
      exchange,
    );
  });
  assert.equal(reason, "content_changed");
  assert(requests.length < 10);
});

Deno.test("without a strong ETag a broken download starts anew", async () => {
  const bytes = noise(40_000);
  for (const etag of [null, 'W/"v1"']) {
    const { bytes: got, requests } = await fetched(
      sequence(truncated(bytes, { afterBytes: 20_000, etag }), object(bytes, { etag })),
    );
    assertSameBytes(got, bytes);
    assert.deepEqual(requests.map(({ headers }) => headers.get("range")), [null, null]);
  }
});

Deno.test("an origin that knows no ranges is asked for the whole, and not for ever", async () => {
  const bytes = noise(40_000);
  const broken = truncated(bytes, { afterBytes: 20_000, ignoresRange: true });
  const { bytes: got } = await fetched(
    sequence(broken, broken, object(bytes, { ignoresRange: true })),
  );
  assertSameBytes(got, bytes);
  const { reason, requests } = await failure(broken);
  assert.equal(reason, "truncated");
  assert(requests.length <= 7, `${requests.length} requests`);
});

Deno.test("a range other than the one asked for is refused", async () => {
  const bytes = noise(40_000);
  const wrong = ["bytes 0-39999/40000", "bytes 20001-39999/40000", "bytes 20000-30000/40000", ""];
  for (const range of wrong) {
    const { reason } = await failure(sequence(
      truncated(bytes, { afterBytes: 20_000 }),
      status(206, { etag: '"v1"', "content-range": range }, "x"),
    ));
    assert.equal(reason, "bad_response", range);
  }
  // No range was asked for.
  assert.equal(
    (await failure(status(206, { "content-range": "bytes 0-0/1" }, "x"))).reason,
    "bad_response",
  );
});

Deno.test("a body that is shorter than announced fails after a few attempts; a longer one is cut at its length", async () => {
  const bytes = noise(1000);
  const { reason, requests, message } = await failure(wrongLength(bytes, 2000));
  assert.equal(reason, "truncated");
  assert.equal(requests.length, 5);
  assert.match(message, /adapter_model/);
  assertSameBytes((await fetched(wrongLength(bytes, 500))).bytes, bytes.subarray(0, 500));
});

Deno.test("the cap holds for what is announced, before any of it is read, and for a body without end", async () => {
  const announced = await failure(object(noise(2000)), { maxBytes: 1999 });
  assert.equal(announced.reason, "download_too_large");
  assert.match(announced.message, /2000 bytes; at most 1999 bytes/);
  assert.equal(announced.requests.length, 1);
  const unending = await fetched(endless(), { maxBytes: 1 << 20 });
  assert.equal(unending.error.reason, "download_too_large");
  assert(unending.bytes.length <= 1 << 20);
  assert.equal((await fetched(object(noise(2000)), { maxBytes: 2000 })).got?.bytes, 2000);
});

Deno.test("a slow drip is ended by the total time, a stall by the idle time", async () => {
  const drip = object(noise(100_000), { chunkBytes: 10, pauseMs: 20 });
  await using server = FaultServer.start({ [PATH]: drip });
  using client = loopbackClient();
  const into = new MemorySink();
  const download = withDeadline(
    (signal) =>
      quickDownloader(client).download(at(server.url(PATH)), { into, maxBytes: 1 << 20, signal }),
    { ms: 300, signal: SIGNAL, location: "here" },
  );
  await assert.rejects(download, {
    reason: "total_timeout",
    message: "here took longer than 0.3 s",
  });
  assert(into.length > 0);
  client.close();
  await server.idle();

  const bytes = noise(1000);
  const recovered = await fetched(sequence(stallAfter(bytes, 400), object(bytes)));
  assertSameBytes(recovered.bytes, bytes);
  assert.equal(recovered.requests[1].headers.get("range"), "bytes=400-");
});

Deno.test("an unchanged object sends no body", async () => {
  const { got, bytes, requests } = await fetched(object(noise(1000)), { unless: '"v1"' });
  assert.equal(got, null);
  assert.equal(bytes.length, 0);
  assert.equal(requests[0].headers.get("if-none-match"), '"v1"');
  assert.equal((await fetched(object(noise(1000)), { unless: '"v0"' })).got?.etag, '"v1"');
  // An answer to a question that wasn't asked.
  assert.equal((await failure(status(304))).reason, "bad_response");
});

Deno.test("statuses that pass are tried again, the others are reported at once", async () => {
  const bytes = noise(100);
  for (const code of [408, 429, 500, 502, 503]) {
    const { bytes: got, requests } = await fetched(sequence(status(code), object(bytes)));
    assertSameBytes(got, bytes);
    assert.equal(requests.length, 2);
  }
  const final: [number, string][] = [
    [400, "origin_error"],
    [401, "origin_unauthorized"],
    [403, "origin_unauthorized"],
    [404, "origin_not_found"],
    [410, "origin_not_found"],
    [204, "bad_response"],
  ];
  for (const [code, expected] of final) {
    const { reason, requests } = await failure(status(code));
    assert.equal(reason, expected, `${code}`);
    assert.equal(requests.length, 1, `${code}`);
  }
  const { reason, requests } = await failure(status(503));
  assert.equal(reason, "origin_error");
  assert.equal(requests.length, 5);
});

Deno.test("Retry-After is waited for, but not for long", async () => {
  const begin = performance.now();
  await fetched(sequence(status(503, { "retry-after": "1" }), object(noise(10))));
  assert(performance.now() - begin >= 990);
  const { error, requests } = await failure(status(503, { "retry-after": "3600" }));
  assert.equal(error.retryAfterSeconds, 3600);
  assert.equal(requests.length, 1);
  const past = new Date(0).toUTCString();
  assert.equal(
    (await fetched(sequence(status(503, { "retry-after": past }), object(noise(9))))).got?.bytes,
    9,
  );
});

Deno.test("a connection that is refused or answers nonsense is a typed error", async () => {
  assert.equal((await failure(hangUp())).reason, "connect_failed");
  assert.equal((await failure(raw("nonsense\r\n\r\n"))).reason, "bad_response");
  const recovered = await fetched(sequence(hangUp(), object(noise(10))));
  assert.equal(recovered.got?.bytes, 10);
});

Deno.test("a caller that leaves ends the download and its connection", async () => {
  const controller = new AbortController();
  const reason = new Error("gone");
  await using server = FaultServer.start({
    [PATH]: object(noise(1 << 20), { chunkBytes: 100, pauseMs: 10 }),
  });
  using client = loopbackClient();
  const download = quickDownloader(client).download(at(server.url(PATH)), {
    into: new MemorySink(),
    maxBytes: 1 << 20,
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  });
  await assert.rejects(download, (error) => error === reason);
  await server.idle();
});

Deno.test("progress grows to the announced length, across connections", async () => {
  const bytes = noise(40_000);
  const { seen } = await fetched(sequence(truncated(bytes, { afterBytes: 15_000 }), object(bytes)));
  assert.equal(seen.at(-1)?.doneBytes, 40_000);
  seen.forEach((progress, index) => {
    assert.equal(progress.totalBytes, 40_000);
    assert(index === 0 || progress.doneBytes > seen[index - 1].doneBytes);
  });
});

Deno.test("ever-changing whole answers are taken as they are", async () => {
  const contents = [noise(10, 1), noise(20, 2)];
  await using server = FaultServer.start({ [PATH]: changing(contents) });
  using client = loopbackClient();
  for (const [index, expected] of contents.entries()) {
    const into = new MemorySink();
    const got = await quickDownloader(client).download(at(server.url(PATH)), {
      into,
      maxBytes: 100,
      signal: SIGNAL,
    });
    assertSameBytes(into.bytes, expected);
    assert.equal(got?.etag, `"v${index + 1}"`);
  }
});

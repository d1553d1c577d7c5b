import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createOriginClient, type OriginClientOptions } from "../../../adapters/http/mod.ts";
import type { OriginRequest, OriginResponse } from "../../../adapters/http/client.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { FaultServer } from "../fault_server.ts";
import {
  endless,
  hangUp,
  object,
  raw,
  redirect,
  sequence,
  stall,
  stallAfter,
  status,
  truncated,
  wrongLength,
} from "../faults.ts";
import { loopbackAgents } from "./loopback_agents.ts";

const BYTES = Uint8Array.from({ length: 300_000 }, (_, index) => (index * 7) % 251);

/** A client for http servers on this machine. */
function plainClient(options: OriginClientOptions = {}) {
  return createOriginClient({ allowInsecureLoopback: true, agents: loopbackAgents(), ...options });
}

function ask(url: URL, rest: Partial<OriginRequest> = {}): OriginRequest {
  return { url, signal: new AbortController().signal, ...rest };
}

async function bytesOf(response: OriginResponse): Promise<Uint8Array> {
  return await new Response(response.body).bytes();
}

function rejectsWith(promise: Promise<unknown>, reason: string): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(error instanceof WeftError, `not a WeftError: ${error}`);
    assert.equal(error.reason, reason, error.message);
    return true;
  });
}

Deno.test("an object comes whole, with its headers, and asked for without compression", async () => {
  await using server = FaultServer.start({
    "/a b": object(BYTES, { etag: '"x"' }),
    "/a%20b": object(BYTES),
  });
  using client = plainClient();
  const response = await client.request(
    ask(server.url("/a b?q=1"), {
      headers: { range: "bytes=10-" },
      credentials: { authorization: "k" },
    }),
  );
  assert.equal(response.status, 206);
  assert.equal(response.headers.get("content-range"), `bytes 10-299999/300000`);
  assert.deepEqual(await bytesOf(response), BYTES.subarray(10));
  const [seen] = server.requests;
  assert.equal(seen.path, "/a%20b?q=1");
  assert.equal(seen.headers.get("accept-encoding"), "identity");
  assert.equal(seen.headers.get("authorization"), "k");
  assert.equal(seen.headers.get("host"), `127.0.0.1:${server.port}`);
});

Deno.test("any status is an answer, and one without a body keeps its connection unread", async () => {
  await using server = FaultServer.start({
    "/gone": status(410, {}, "gone"),
    "/same": object(BYTES, { etag: '"x"' }),
  });
  using client = plainClient();
  const gone = await client.request(ask(server.url("/gone")));
  assert.deepEqual([gone.status, await new Response(gone.body).text()], [410, "gone"]);
  for (let count = 0; count < 3; count++) {
    const headers = { "if-none-match": '"x"' };
    assert.equal((await client.request(ask(server.url("/same"), { headers }))).status, 304);
  }
  const head = await client.request(ask(server.url("/same"), { method: "HEAD" }));
  assert.equal(head.headers.get("content-length"), "300000");
  // A connection is free a moment after its answer ended: two take turns.
  assert.ok(server.connections <= 2, `${server.connections} connections`);
});

Deno.test("a kept connection that the origin has closed meanwhile is replaced", async () => {
  await using server = FaultServer.start({
    "/a": sequence(object(BYTES), hangUp(), object(BYTES), hangUp(), hangUp(), object(BYTES)),
  });
  using client = plainClient();
  for (let count = 0; count < 2; count++) {
    assert.deepEqual(await bytesOf(await client.request(ask(server.url("/a")))), BYTES);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.deepEqual([server.requests.length, server.connections], [3, 2]);
  // The fourth closes a kept connection, the fifth a fresh one: that isn't repeated.
  await rejectsWith(client.request(ask(server.url("/a"))), "connect_failed");
  assert.deepEqual([server.requests.length, server.connections], [5, 3]);
});

Deno.test("however many kept connections were closed, a request goes through", async () => {
  await using server = FaultServer.start({
    "/slow": object(BYTES.subarray(0, 5), { chunkBytes: 1, pauseMs: 10 }),
    "/a": sequence(hangUp(), hangUp(), hangUp(), hangUp(), object(BYTES)),
  });
  using client = plainClient();
  const slow = () => client.request(ask(server.url("/slow"))).then(bytesOf);
  await Promise.all([slow(), slow(), slow(), slow()]);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(server.connections, 4);
  assert.deepEqual(await bytesOf(await client.request(ask(server.url("/a")))), BYTES);
  assert.deepEqual([server.requestsOf("/a").length, server.connections], [5, 5]);
});

Deno.test("a host's other address is tried when one refuses", async () => {
  await using server = FaultServer.start({ "/a": object(BYTES) }, { hostname: "::1" });
  using client = plainClient();
  const response = await client.request(ask(server.url("/a", "bucket.localhost")));
  assert.deepEqual(await bytesOf(response), BYTES);
  assert.equal(server.requests[0].headers.get("host"), `bucket.localhost:${server.port}`);
  assert.deepEqual(await bytesOf(await client.request(ask(server.url("/a")))), BYTES);
  assert.equal(server.requests[1].headers.get("host"), `[::1]:${server.port}`);
});

Deno.test("what goes wrong at the origin has its reason", async (t) => {
  const ok = "HTTP/1.1 200 OK\r\n";
  await using server = FaultServer.start({
    "/hang-up": hangUp(),
    "/half-head": raw(`${ok}x: y`),
    "/garbage": raw("SSH-2.0-x\r\n\r\n"),
    "/http2": raw("HTTP/2 200 OK\r\n\r\n"),
    "/long-header": raw(`${ok}x: ${"a".repeat(200_000)}\r\n\r\n`),
    "/many-headers": raw(`${ok}${"a: b\r\n".repeat(20_000)}\r\n`),
    "/two-lengths": raw(`${ok}content-length: 3\r\ncontent-length: 5\r\n\r\nabcde`),
    "/length-and-chunks": raw(
      `${ok}content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
    ),
    "/negative-length": raw(`${ok}content-length: -1\r\n\r\n`),
    "/upgrade": raw("HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"),
    "/gzip": status(200, { "content-encoding": "gzip" }, "x"),
    "/gzip-at-length": status(200, { "content-encoding": "x".repeat(20_000) }, "x"),
    "/far-redirect": redirect(`ftp://x/${"y".repeat(20_000)}`),
    "/gzip-transfer": raw(`${ok}transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`),
    "/bare-redirect": status(302),
    "/bad-redirect": redirect("https://[::1"),
    "/cut": truncated(BYTES, { afterBytes: 1000 }),
    "/short": wrongLength(BYTES, 400_000),
    "/cut-chunks": raw(`${ok}transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n`),
    "/bad-chunks": raw(`${ok}transfer-encoding: chunked\r\n\r\nzz\r\nabc\r\n`),
  });
  const expected: Record<string, string> = {
    "/far-redirect": "redirect_not_allowed",
    "/hang-up": "connect_failed",
    "/half-head": "connect_failed",
    "/cut": "truncated",
    "/short": "truncated",
    "/cut-chunks": "truncated",
  };
  using client = plainClient();
  for (const path of server.paths.keys()) {
    await t.step(path, async () => {
      const url = server.url(`${path}?sig=SECRET`);
      const reading = client.request(ask(url)).then(bytesOf);
      await rejectsWith(reading, expected[path] ?? "bad_response");
      await reading.catch(({ message }) => {
        assert.doesNotMatch(message, /SECRET/);
        assert.ok(message.length < 1500, `a message of ${message.length} characters`);
      });
    });
  }
  await t.step("nobody listens", async () => {
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    await rejectsWith(client.request(ask(new URL(`http://127.0.0.1:${port}/`))), "connect_failed");
  });
});

Deno.test("a body that is longer than announced ends where it was announced to", async () => {
  await using server = FaultServer.start({ "/a": wrongLength(BYTES, 10) });
  using client = plainClient();
  assert.deepEqual(
    await bytesOf(await client.request(ask(server.url("/a")))),
    BYTES.subarray(0, 10),
  );
});

Deno.test("silence ends a request, and slowness doesn't", async () => {
  await using server = FaultServer.start({
    "/never": stall(),
    "/half": stallAfter(BYTES, 1000),
    "/slow": object(BYTES.subarray(0, 12), { chunkBytes: 1, pauseMs: 50 }),
  });
  using client = plainClient({ idleTimeoutMs: 400 });
  await rejectsWith(client.request(ask(server.url("/never"))), "idle_timeout");
  const half = await client.request(ask(server.url("/half")));
  await rejectsWith(bytesOf(half), "idle_timeout");
  await server.idle();
  assert.equal((await bytesOf(await client.request(ask(server.url("/slow"))))).length, 12);
});

Deno.test("only the time that a reader waits counts as silence", async () => {
  await using server = FaultServer.start({ "/a": object(BYTES) });
  using client = plainClient({ idleTimeoutMs: 100 });
  const response = await client.request(ask(server.url("/a")));
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert.deepEqual(await bytesOf(response), BYTES);
});

Deno.test("a connection that doesn't come about in time is given up", async () => {
  await using server = FaultServer.start({ "/a": object(BYTES) }); // answers no TLS greeting
  const agents = loopbackAgents();
  const options = {
    allowedHosts: [`a.example.test:${server.port}`],
    allowedNetworks: ["127.0.0.1"],
    connectTimeoutMs: 100,
    agents,
  };
  const url = new URL(`https://a.example.test:${server.port}/a`);
  using client = createOriginClient({ ...options, resolve: () => Promise.resolve(["127.0.0.1"]) });
  await rejectsWith(client.request(ask(url)), "connect_timeout");
  await server.idle();
  using unresolved = createOriginClient({ ...options, resolve: () => new Promise(() => {}) });
  await rejectsWith(unresolved.request(ask(url)), "connect_timeout");
});

Deno.test("aborting ends a request at once, at every stage, with the signal's reason", async () => {
  await using server = FaultServer.start({ "/never": stall(), "/endless": endless() });
  using client = plainClient();
  const reason = new Error("enough");
  await assert.rejects(
    () => client.request(ask(server.url("/never"), { signal: AbortSignal.abort(reason) })),
    reason,
  );
  assert.equal(server.connections, 0);
  const waiting = new AbortController();
  const never = client.request(ask(server.url("/never"), { signal: waiting.signal }));
  while (server.requests.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  waiting.abort(reason);
  await assert.rejects(() => never, reason);
  const reading = new AbortController();
  const { body } = await client.request(ask(server.url("/endless"), { signal: reading.signal }));
  const reader = body.getReader();
  await reader.read();
  reading.abort(reason);
  await assert.rejects(async () => {
    while (!(await reader.read()).done);
  }, reason);
  await server.idle();
});

Deno.test("on a kept connection silence and aborting end a request as well, and it isn't made again", async () => {
  await using server = FaultServer.start({ "/a": object(BYTES), "/never": stall() });
  using hurried = plainClient({ idleTimeoutMs: 300 });
  await bytesOf(await hurried.request(ask(server.url("/a"))));
  await rejectsWith(hurried.request(ask(server.url("/never"))), "idle_timeout");
  await server.idle();
  using patient = plainClient();
  await bytesOf(await patient.request(ask(server.url("/a"))));
  const reason = new Error("enough");
  const waiting = new AbortController();
  const never = patient.request(ask(server.url("/never"), { signal: waiting.signal }));
  while (server.requestsOf("/never").length < 2) await new Promise((wait) => setTimeout(wait, 5));
  waiting.abort(reason);
  await assert.rejects(never, reason);
  await server.idle();
  assert.deepEqual([server.requestsOf("/never").length, server.requests.length], [2, 4]);
});

Deno.test("cancelling a body closes its connection", async () => {
  await using server = FaultServer.start({ "/endless": endless() });
  using client = plainClient();
  for (const readsFirst of [true, false]) {
    const { body } = await client.request(ask(server.url("/endless")));
    const reader = body.getReader();
    if (readsFirst) await reader.read();
    await reader.cancel();
    await server.idle();
  }
});

Deno.test("closing the client ends what is under way, and nothing can be asked after", async () => {
  await using server = FaultServer.start({ "/endless": endless(), "/a": object(BYTES) });
  const client = plainClient();
  await bytesOf(await client.request(ask(server.url("/a"))));
  const { body } = await client.request(ask(server.url("/endless")));
  client.close();
  await assert.rejects(() => new Response(body).bytes());
  await server.idle();
  await assert.rejects(() => client.request(ask(server.url("/a"))), { code: "unavailable" });
});

Deno.test("a header that HTTP can't hold is refused without telling it", async () => {
  using client = plainClient();
  const credentials = { authorization: "Bearer SECRET\nx: y" };
  await assert.rejects(
    () => client.request(ask(new URL("http://127.0.0.1:1/"), { credentials })),
    (error: WeftError) => error.code === "invalid_request" && !/SECRET/.test(error.message),
  );
});

Deno.test("parallel requests of many objects get each its own bytes", async () => {
  const paths = Array.from({ length: 40 }, (_, index) => `/${index}`);
  const contents = paths.map((_, index) => BYTES.subarray(index, 100_000 + index * 17));
  await using server = FaultServer.start(
    Object.fromEntries(paths.map((path, index) => [path, sequence(object(contents[index]))])),
  );
  using client = plainClient();
  const digest = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
  for (let round = 0; round < 2; round++) {
    const got = await Promise.all(
      paths.map(async (path) => digest(await bytesOf(await client.request(ask(server.url(path)))))),
    );
    assert.deepEqual(got, contents.map(digest));
  }
});

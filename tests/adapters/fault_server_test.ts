import assert from "node:assert/strict";
import { FaultServer, testAuthority } from "./fault_server.ts";
import {
  changing,
  endless,
  hangUp,
  object,
  redirect,
  sequence,
  stall,
  stallAfter,
  status,
  truncated,
  wrongLength,
} from "./faults.ts";

const BYTES = Uint8Array.from({ length: 100_000 }, (_, index) => index % 251);

Deno.test("the fault server serves ranges and conditions as RFC 9110 has them", async () => {
  await using server = FaultServer.start({ "/a": object(BYTES, { etag: '"x"' }) });
  async function ask(headers: Record<string, string>): Promise<[number, Uint8Array]> {
    const response = await fetch(server.url("/a"), { headers });
    return [response.status, await response.bytes()];
  }
  assert.deepEqual(await ask({}), [200, BYTES]);
  assert.deepEqual(await ask({ range: "bytes=99990-" }), [206, BYTES.subarray(99_990)]);
  assert.deepEqual(await ask({ range: "bytes=1-3" }), [206, BYTES.subarray(1, 4)]);
  assert.equal((await ask({ range: "bytes=100000-" }))[0], 416);
  assert.deepEqual(await ask({ range: "bytes=1-3", "if-range": '"y"' }), [200, BYTES]);
  assert.equal((await ask({ "if-none-match": '"x"' }))[0], 304);
  assert.equal((await ask({ "if-match": '"y"' }))[0], 412);
  assert.equal((await ask({ "if-match": '"x"', range: "bytes=5-" }))[0], 206);
  assert.equal(server.requests.length, 8);
  assert.equal(server.requestsOf("/a")[7].headers.get("range"), "bytes=5-");
});

Deno.test("the fault server does what is asked of it", async () => {
  await using server = FaultServer.start({
    "/cut": truncated(BYTES, { afterBytes: 10 }),
    "/long": wrongLength(BYTES.subarray(0, 10), 20),
    "/gone": hangUp(),
    "/busy": sequence(status(503, { "retry-after": "1" }, "busy"), object(BYTES)),
    "/changing": changing([BYTES.subarray(0, 1), BYTES.subarray(0, 2)]),
    "/to": redirect("/changing"),
    "/slow": object(BYTES.subarray(0, 3), { chunkBytes: 1, pauseMs: 1 }),
  });
  await assert.rejects(() => fetch(server.url("/cut")).then((response) => response.bytes()));
  await assert.rejects(() => fetch(server.url("/long")).then((response) => response.bytes()));
  await assert.rejects(() => fetch(server.url("/gone")));
  const busy = await fetch(server.url("/busy"));
  assert.deepEqual([busy.status, await busy.text()], [503, "busy"]);
  assert.equal((await (await fetch(server.url("/busy"))).bytes()).length, 100_000);
  assert.equal((await (await fetch(server.url("/changing"))).bytes()).length, 1);
  assert.equal((await (await fetch(server.url("/to"))).bytes()).length, 2);
  assert.equal((await (await fetch(server.url("/slow"))).bytes()).length, 3);
  const nowhere = await fetch(server.url("/nowhere"));
  assert.deepEqual([nowhere.status, await nowhere.text()], [404, ""]);
});

Deno.test("the fault server notices clients that leave", async () => {
  await using server = FaultServer.start({
    "/never": stall(),
    "/half": stallAfter(BYTES, 10),
    "/endless": endless(),
  });
  for (const path of ["/half", "/endless"]) {
    const response = await fetch(server.url(path));
    await response.body?.cancel();
  }
  await assert.rejects(() => fetch(server.url("/never"), { signal: AbortSignal.timeout(20) }));
  await server.idle();
  assert.equal(server.openConnections, 0);
});

Deno.test("the fault server speaks TLS under the test authority", async () => {
  await using server = FaultServer.start({ "/a": status(200, {}, "hello") }, { tls: true });
  using client = Deno.createHttpClient({ caCerts: [testAuthority()] });
  const response = await fetch(server.url("/a", "localhost"), { client });
  assert.equal(await response.text(), "hello");
  await assert.rejects(() => fetch(server.url("/a", "localhost")));
});

import assert from "node:assert/strict";
import { createOriginClient, type OriginRequest } from "../../../adapters/http/mod.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { type Behaviour, FaultServer } from "../fault_server.ts";
import { object, redirect, sequence } from "../faults.ts";
import { loopbackAgents } from "./loopback_agents.ts";
import { REFUSED_REDIRECTS } from "./redirect_corpus.ts";

const BYTES = Uint8Array.of(1, 2, 3, 4);
const ASKED = {
  headers: { range: "bytes=1-" },
  credentials: { authorization: "Bearer k", "x-amz-token": "t" },
};

/** Two TLS origins under many names: a.example.test and b.example.test are allowed on both. */
async function withOrigins(
  paths: (url: (path: string, host?: string) => string) => Record<string, Behaviour>,
  use: (
    ask: (path: string, host?: string) => Promise<{ status: number; bytes: Uint8Array }>,
    server: FaultServer,
  ) => Promise<void>,
): Promise<void> {
  await using server = FaultServer.start({}, { tls: true });
  const url = (path: string, host = "a.example.test") => server.url(path, host).href;
  for (const [path, behaviour] of Object.entries(paths(url))) server.paths.set(path, behaviour);
  const agents = loopbackAgents();
  using client = createOriginClient({
    allowedHosts: ["a.example.test", "b.example.test"].map((host) => `${host}:${server.port}`),
    allowedNetworks: ["127.0.0.1/32"],
    allowInsecureLoopback: true,
    resolve: () => Promise.resolve(["127.0.0.1"]),
    agents,
  });
  const ask = async (path: string, host?: string) => {
    const request: OriginRequest = {
      url: new URL(url(path, host)),
      signal: new AbortController().signal,
      ...ASKED,
    };
    const { status, body } = await client.request(request);
    return { status, bytes: await new Response(body).bytes() };
  };
  await use(ask, server);
  assert.deepEqual(agents.escapes, []);
}

function refuses(promise: Promise<unknown>, reason: string, because?: string): Promise<void> {
  return assert.rejects(promise, (error) => {
    assert.ok(error instanceof WeftError, `not a WeftError: ${error}`);
    assert.equal(error.reason, reason, error.message);
    assert.doesNotMatch(error.message, /SECRET/);
    const cause = error.cause instanceof WeftError ? error.cause.reason : undefined;
    assert.equal(cause, because, error.message);
    return true;
  });
}

Deno.test("each kind of redirect is followed with ranges and conditions, 300 and 304 are answers", async () => {
  await withOrigins(() => ({
    ...Object.fromEntries(
      [301, 302, 303, 307, 308].map((code) => [`/${code}`, redirect("there?x=1#part", code)]),
    ),
    "/there": object(BYTES),
    "/300": redirect("/there", 300),
    "/304": redirect("/there", 304),
  }), async (ask, server) => {
    for (const code of [301, 302, 303, 307, 308]) {
      assert.deepEqual(await ask(`/${code}`), { status: 206, bytes: BYTES.subarray(1) });
      assert.equal(server.requests.at(-1)?.path, "/there?x=1");
      assert.equal(server.requests.at(-1)?.headers.get("authorization"), "Bearer k");
    }
    for (const code of [300, 304]) assert.equal((await ask(`/${code}`)).status, code);
  });
});

Deno.test("three redirects are followed and a fourth isn't", async () => {
  await withOrigins(() => ({
    "/4": redirect("/3"),
    "/3": redirect("/2"),
    "/2": redirect("/1"),
    "/1": redirect("/0"),
    "/0": object(BYTES),
    "/loop": redirect("/loop"),
  }), async (ask, server) => {
    assert.equal((await ask("/3")).status, 206);
    await refuses(ask("/4"), "too_many_redirects");
    await refuses(ask("/loop"), "too_many_redirects");
    assert.equal(server.requestsOf("/loop").length, 4);
  });
});

Deno.test("credentials stay with the origin they are for, and don't come back", async () => {
  await withOrigins((url) => ({
    "/out": redirect(url("/on", "b.example.test")),
    "/on": redirect("/end"),
    "/out-and-back": redirect(url("/back", "b.example.test")),
    "/back": redirect(url("/again")),
    "/again": redirect("/end"),
    "/end": object(BYTES),
  }), async (ask, server) => {
    for (const [path, hosts] of [["/out", "abb"], ["/out-and-back", "abaa"]]) {
      server.requests.length = 0;
      assert.deepEqual(await ask(path), { status: 206, bytes: BYTES.subarray(1) });
      assert.equal(server.requests.map(({ headers }) => headers.get("host")?.[0]).join(""), hosts);
      const [first, ...later] = server.requests.map(({ headers }) => headers);
      assert.deepEqual([first.get("authorization"), first.get("x-amz-token")], ["Bearer k", "t"]);
      for (const headers of later) {
        assert.deepEqual([headers.get("authorization"), headers.get("x-amz-token")], [null, null]);
        assert.equal(headers.get("range"), "bytes=1-");
      }
    }
  });
});

Deno.test("another port or scheme is another origin", async () => {
  await using plain = FaultServer.start({ "/there": object(BYTES) });
  await using other = FaultServer.start({
    "/here": redirect(plain.url("/there", "localhost").href),
  });
  using client = createOriginClient({ allowInsecureLoopback: true, agents: loopbackAgents() });
  const url = other.url("/here", "localhost");
  const { body } = await client.request({ url, signal: new AbortController().signal, ...ASKED });
  await body.cancel();
  assert.equal(other.requests[0].headers.get("authorization"), "Bearer k");
  assert.equal(plain.requests[0].headers.get("authorization"), null);
});

Deno.test("a redirect never leads where a URL may not", async (t) => {
  await withOrigins(() => ({}), async (ask, server) => {
    for (const [to, because] of REFUSED_REDIRECTS) {
      await t.step(to, async () => {
        server.paths.set("/start", redirect(to.replace("PORT", String(server.port))));
        const before = server.requests.length;
        await refuses(ask("/start"), "redirect_not_allowed", because);
        assert.equal(server.requests.length, before + 1);
      });
    }
  });
});

Deno.test("a name that resolves elsewhere between two hops is refused", async () => {
  await using server = FaultServer.start({}, { tls: true });
  const first = server.url("/a", "a.example.test");
  const second = server.url("/b", "b.example.test");
  server.paths.set("/a", sequence(redirect(second.href)));
  server.paths.set("/b", object(BYTES));
  const agents = loopbackAgents();
  using client = createOriginClient({
    allowedHosts: [first.host, second.host],
    allowedNetworks: ["127.0.0.1"],
    resolve: (host) =>
      Promise.resolve(host.startsWith("a") ? ["127.0.0.1"] : ["127.0.0.1", "10.0.0.1"]),
    agents,
  });
  const asking = client.request({ url: first, signal: new AbortController().signal });
  await refuses(asking, "redirect_not_allowed", "address_not_allowed");
  assert.deepEqual([agents.escapes, server.connections], [[], 1]);
});

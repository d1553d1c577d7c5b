/**
 * What must not be reachable, whatever the URL looks like. Nothing here leaves the machine even if the guard
 * fails: names resolve to what the case says, and the agents dial loopback alone and report anything else.
 */
import assert from "node:assert/strict";
import type { LookupFunction } from "node:net";
import {
  createOriginClient,
  HostPolicy,
  type OriginClientOptions,
} from "../../../adapters/http/mod.ts";
import { WeftError } from "../../../engine/core/errors.ts";
import { FaultServer } from "../fault_server.ts";
import { object } from "../faults.ts";
import { LITERALS } from "./address_literals.ts";
import { loopbackAgents } from "./loopback_agents.ts";
import {
  METADATA_HOSTS,
  OTHER_HOSTS,
  OTHER_SCHEMES,
  PLAIN_ELSEWHERE,
  WITH_USERS,
} from "./ssrf_corpus.ts";

interface Case {
  url: string;
  reason: string;
  /** What the configuration allows; a.example.test and *.pub.example.test unless given. */
  options?: OriginClientOptions;
  /** What every name resolves to; a resolver must not be asked unless given. */
  addresses?: string[];
}

const HOSTS = ["a.example.test", "*.pub.example.test"];

const EVERYWHERE = ["0.0.0.0/0", "::/0"];

const CASES: Case[] = [
  ...LITERALS.flatMap(([host, allowed]): Case[] => [
    { url: `https://${host}/x`, reason: "host_not_allowed" },
    {
      url: `https://${host}/x`,
      reason: "address_not_allowed",
      options: { allowedHosts: [allowed] },
    },
  ]),
  // Metadata services, whatever is configured.
  ...METADATA_HOSTS
    .map((host): Case => ({
      url: `https://${host}/`,
      reason: "address_not_allowed",
      options: { allowedHosts: [host], allowedNetworks: EVERYWHERE },
    })),
  {
    url: "http://169.254.169.254/",
    reason: "scheme_not_allowed",
    options: { allowInsecureLoopback: true },
  },
  // Names that resolve where they shouldn't.
  ...[
    "127.0.0.1",
    "10.1.2.3",
    "169.254.169.254",
    "0.0.0.0",
    "::1",
    "::ffff:10.0.0.1",
    "fe80::1%eth0",
    "nonsense",
  ]
    .map((address): Case => ({
      url: "https://a.example.test/",
      reason: "address_not_allowed",
      addresses: [address],
    })),
  {
    url: "https://a.example.test/",
    reason: "address_not_allowed",
    addresses: ["8.8.8.8", "10.0.0.1"],
  },
  {
    url: "https://a.example.test/",
    reason: "address_not_allowed",
    addresses: ["10.0.0.1", "8.8.8.8"],
  },
  {
    url: "https://a.example.test/",
    reason: "address_not_allowed",
    addresses: ["10.2.0.1"],
    options: { allowedHosts: HOSTS, allowedNetworks: ["10.1.0.0/16"] },
  },
  {
    url: "https://a.example.test/",
    reason: "address_not_allowed",
    addresses: ["127.0.0.1"],
    options: { allowedHosts: HOSTS, allowInsecureLoopback: true },
  },
  { url: "https://a.example.test/", reason: "dns_failed", addresses: [] },
  // Hosts beside the allowed ones.
  ...OTHER_HOSTS.map((url): Case => ({ url, reason: "host_not_allowed" })),
  // Users.
  ...WITH_USERS
    .map((url): Case => ({ url, reason: "bad_url" })),
  // Schemes.
  ...OTHER_SCHEMES.map((url): Case => ({ url, reason: "scheme_not_allowed" })),
  // http, where it is allowed to this machine.
  ...PLAIN_ELSEWHERE
    .map((url): Case => ({
      url,
      reason: "scheme_not_allowed",
      options: { allowedHosts: HOSTS, allowedNetworks: EVERYWHERE, allowInsecureLoopback: true },
    })),
];

Deno.test(`each of ${CASES.length} URLs is refused for its reason, and nothing is dialled`, async () => {
  assert.ok(CASES.length >= 60, `the corpus has shrunk to ${CASES.length} cases`);
  const wrong: unknown[] = [];
  for (const { url, reason, options, addresses } of CASES) {
    const agents = loopbackAgents();
    using client = createOriginClient({
      allowedHosts: HOSTS,
      ...options,
      resolve: (host) =>
        addresses ? Promise.resolve(addresses) : Promise.reject(`${host} was asked for`),
      agents,
    });
    const asking = client.request({ url: new URL(url), signal: new AbortController().signal });
    const got = await asking.then(({ status }) => status, (error) => error);
    const isRight = got instanceof WeftError && got.reason === reason &&
      agents.escapes.length === 0;
    if (!isRight) {
      wrong.push({ url, options, addresses, expected: reason, got, dialled: agents.escapes });
    }
  }
  assert.deepEqual(wrong, []);
});

Deno.test("a name that is bound anew is checked anew, and asked for once a connection", async () => {
  await using server = FaultServer.start({ "/a": object(Uint8Array.of(1)) }, { tls: true });
  const url = server.url("/a", "a.example.test");
  const agents = loopbackAgents();
  const answers = ["127.0.0.1", "10.0.0.1", "169.254.169.254", "127.0.0.1", "10.0.0.1"];
  let asked = 0;
  using client = createOriginClient({
    allowedHosts: [url.host],
    allowedNetworks: ["127.0.0.1"],
    resolve: () => Promise.resolve([answers[asked++]]),
    agents,
  });
  const signal = new AbortController().signal;
  async function ask(): Promise<number> {
    const { body } = await client.request({ url, signal });
    await body.cancel(); // and with it the connection
    return asked;
  }
  assert.equal(await ask(), 1);
  await assert.rejects(() => ask(), { reason: "address_not_allowed" });
  await assert.rejects(() => ask(), { reason: "address_not_allowed" });
  assert.equal(await ask(), 4);
  assert.deepEqual([agents.escapes, server.connections], [[], 2]);
});

Deno.test("a connection that came about elsewhere than checked carries nothing", async () => {
  await using server = FaultServer.start({ "/a": object(Uint8Array.of(1)) }, { tls: true });
  const url = server.url("/a", "a.example.test");
  const agents = loopbackAgents();
  // Connects to the server whatever address was found and checked.
  const create = Reflect.get(agents.https, "createConnection");
  const lookup: LookupFunction = (_name, _how, found) =>
    found(null, [{ address: "127.0.0.1", family: 4 }]);
  Object.assign(agents.https, {
    createConnection: (options: object, callback: unknown) =>
      Reflect.apply(create, agents.https, [{ ...options, lookup }, callback]),
  });
  using client = createOriginClient({
    allowedHosts: [url.host],
    allowedNetworks: ["::1"],
    resolve: () => Promise.resolve(["::1"]),
    agents,
  });
  const asking = client.request({ url, signal: new AbortController().signal });
  await assert.rejects(asking, { reason: "address_not_allowed" });
  await server.idle();
  assert.equal(server.requests.length, 0);
});

Deno.test({
  name: "what --deny-net holds back is an error, also behind an address that is tried first",
  permissions: { net: ["127.0.0.1"], read: true, env: true, sys: true },
  async fn() {
    await using server = FaultServer.start(); // speaks no TLS: the next address would have its turn
    const host = `a.example.test:${server.port}`;
    for (const addresses of [["127.0.0.2"], ["127.0.0.1", "127.0.0.2"], ["::1", "127.0.0.1"]]) {
      using client = createOriginClient({
        allowedHosts: [host, `127.0.0.2:${server.port}`],
        allowedNetworks: ["127.0.0.0/8", "::1"],
        resolve: () => Promise.resolve(addresses),
      });
      for (const name of [host, `127.0.0.2:${server.port}`]) {
        const url = new URL(`https://${name}/`);
        const asking = client.request({ url, signal: new AbortController().signal });
        await assert.rejects(asking, { reason: "connect_failed", message: /may not connect/ });
      }
    }
    assert.equal(server.connections, 0);
  },
});

Deno.test("what is allowed goes through: public addresses, and private ones that are covered", () => {
  const cases: [address: string, networks?: string[]][] = [
    ["8.8.8.8"],
    ["2600::1"],
    ["::ffff:8.8.8.8"],
    ["64:ff9b::808:808"],
    ["10.1.2.3", ["10.1.0.0/16"]],
    ["::ffff:10.1.2.3", ["10.1.0.0/16"]],
    ["fd12::1", ["10.1.0.0/16", "fd12::/32"]],
  ];
  for (const [address, allowedNetworks] of cases) {
    const policy = new HostPolicy({ allowedHosts: HOSTS, allowedNetworks });
    for (
      const host of [
        "a.example.test",
        "x.pub.example.test",
        "A.EXAMPLE.TEST",
        "x.y.pub.example.test:443",
      ]
    ) {
      const url = new URL(`https://${host}/`);
      policy.checkUrl(url);
      policy.checkAddress(url, address);
    }
  }
});

import assert from "node:assert/strict";
import { isLoopbackHost, whyNotLocal } from "../../routes/local_request.ts";

interface Case {
  bound?: boolean;
  peer?: string;
  host?: string;
  headers?: Record<string, string>;
}

const LOCAL: Case[] = [
  {},
  { peer: "::1", host: "[::1]:8000" },
  { peer: "127.8.9.10", host: "127.255.0.1" },
  { peer: "::ffff:127.0.0.1" },
  { host: "localhost" },
  { host: "LocalHost:80" },
  { headers: { "sec-fetch-site": "same-origin", origin: "http://localhost:8000" } },
  { headers: { "sec-fetch-site": "none" } },
];

const FOREIGN: [Case, why: RegExp][] = [
  [{ bound: false }, /listens/],
  [{ peer: "192.168.1.7" }, /elsewhere/],
  [{ peer: "10.127.0.0" }, /elsewhere/],
  [{ peer: "::ffff:10.0.0.1" }, /elsewhere/],
  [{ peer: "fe80::1" }, /elsewhere/],
  [{ peer: "" }, /elsewhere/],
  [{ host: "evil.example" }, /Host/],
  [{ host: "localhost.evil.example:8000" }, /Host/],
  [{ host: "127.0.0.1.evil.example" }, /Host/],
  [{ host: "127.0.0.256" }, /Host/],
  [{ host: "0.0.0.0:8000" }, /Host/],
  [{ host: "[::]:8000" }, /Host/],
  [{ host: "2130706433" }, /Host/],
  [{ host: "localhost:8000@evil.example" }, /Host/],
  [{ host: "localhost, evil.example" }, /Host/],
  [{ host: "" }, /Host/],
  [{ headers: { forwarded: "for=1.2.3.4" } }, /proxy.*forwarded/],
  [{ headers: { "x-forwarded-for": "127.0.0.1" } }, /proxy/],
  [{ headers: { "X-Forwarded-Proto": "https" } }, /proxy/],
  [{ headers: { via: "1.1 proxy" } }, /proxy/],
  [{ headers: { "x-real-ip": "127.0.0.1" } }, /proxy/],
  [{ headers: { "cf-connecting-ip": "1.2.3.4" } }, /proxy/],
  [{ headers: { origin: "https://evil.example" } }, /another site/],
  [{ headers: { origin: "null" } }, /another site/],
  [{ headers: { origin: "http://localhost:9000" } }, /another site/],
  [{ headers: { origin: "https://localhost:8000" } }, /another site/],
  [{ headers: { "sec-fetch-site": "cross-site" } }, /another site/],
  [{ headers: { "sec-fetch-site": "same-site" } }, /another site/],
  [{ headers: { "sec-fetch-site": "new-kind" } }, /another site/],
];

function verdict({ bound = true, peer = "127.0.0.1", host = "localhost:8000", headers }: Case) {
  const request = new Request("http://localhost:8000/", { headers: { host, ...headers } });
  return whyNotLocal(request, { peer, bound });
}

for (const request of LOCAL) {
  Deno.test(`${JSON.stringify(request)} is a user of this machine`, () => {
    assert.equal(verdict(request), null);
  });
}

for (const [request, why] of FOREIGN) {
  Deno.test(`${JSON.stringify(request)} may be anybody`, () => {
    assert.match(verdict(request) ?? "taken for local", why);
  });
}

Deno.test("a connection without an address is not trusted", () => {
  const request = new Request("http://localhost/", { headers: { host: "localhost" } });
  assert.match(whyNotLocal(request, { peer: undefined, bound: true })!, /elsewhere/);
});

Deno.test("where the server listens tells whether others reach it", () => {
  const hosts = ["127.0.0.1", "127.0.0.2", "::1", "localhost", "0.0.0.0", "::", "10.0.0.1", "box"];
  assert.deepEqual(hosts.filter(isLoopbackHost), hosts.slice(0, 4));
});

import assert from "node:assert/strict";
import { HostPolicy } from "../../../adapters/http/mod.ts";

Deno.test("hosts are allowed as URL writes them", () => {
  const cases: [entry: string, urls: string[]][] = [
    ["Example.ORG", ["https://example.org/", "https://EXAMPLE.org:443/x?y#z"]],
    ["example.org:8443", ["https://example.org:8443/"]],
    ["*.example.org:8443", ["https://a.example.org:8443/", "https://b.a.example.org:8443/"]],
    ["bücher.example", ["https://bücher.example/", "https://xn--bcher-kva.example/"]],
    ["8.8.8.8:9000", ["https://8.8.8.8:9000/", "https://134744072:9000/"]],
    ["[2600::1]", ["https://[2600:0::1]/"]],
    ["[2600::1]:9000", ["https://[2600::1]:9000/"]],
    ["my_bucket.example.org", ["https://my_bucket.example.org/"]],
  ];
  for (const [entry, urls] of cases) {
    const policy = new HostPolicy({ allowedHosts: [entry] });
    for (const url of urls) policy.checkUrl(new URL(url));
    assert.throws(() => policy.checkUrl(new URL("https://other.example/")), {
      reason: "host_not_allowed",
    });
  }
});

Deno.test("http is allowed to loopback hosts on every port, without naming them, once that is switched on", () => {
  const policy = new HostPolicy({ allowInsecureLoopback: true });
  for (
    const host of [
      "localhost",
      "bucket.localhost:9000",
      "127.0.0.1:1",
      "127.9.9.9",
      "[::1]:80",
      "0x7f.1",
    ]
  ) {
    policy.checkUrl(new URL(`http://${host}/`));
    assert.throws(() => policy.checkUrl(new URL(`https://${host}/`)), {
      reason: "host_not_allowed",
    });
  }
});

Deno.test("a host that isn't one is refused, without telling what may be secret", () => {
  const entries = [
    ...[
      "",
      " ",
      "*",
      "*.",
      "*.org",
      "*.*.example.org",
      "a*.example.org",
      "*example.org",
      "*.127.0.0.1",
    ],
    ...[
      "https://example.org",
      "example.org/",
      "example.org/path",
      "example.org?SECRET",
      "user:SECRET@example.org",
    ],
    ...[
      "example.org:",
      "example.org:0x1",
      "example.org:70000",
      "example.org:443:1",
      "::1",
      "[::1",
      "[::1]x",
    ],
    ...["[zz]", "999.1.1.1", "1.2.3.4.5", "exa mple.org", "example.org\n", "10.0.0.0/8"],
  ];
  for (const entry of entries) {
    assert.throws(
      () => new HostPolicy({ allowedHosts: [entry] }),
      (error: Error & { code: string }) =>
        error.code === "invalid_request" && !/SECRET/.test(error.message),
      `"${entry}" was taken`,
    );
  }
});

Deno.test("a network that isn't one is refused", () => {
  for (
    const cidr of [
      "",
      "10",
      "10.0.0.0/33",
      "10.0.0.0/-1",
      "10.0.0.0/",
      "10.0.0.0/8/8",
      "10.0.0/8",
      "::/129",
    ]
      .concat("fe80::1%eth0", "example.org", "10.0.0.0/8x", "010.0.0.0/8")
  ) {
    assert.throws(
      () => new HostPolicy({ allowedNetworks: [cidr] }),
      { code: "invalid_request" },
      `"${cidr}" was taken`,
    );
  }
});

Deno.test("a refusal says what was asked, and not its query or user", () => {
  const policy = new HostPolicy({ allowedHosts: ["example.org"] });
  for (
    const url of ["https://u:SECRET@example.org/a?t=SECRET", "https://other.org/a?t=SECRET#SECRET"]
  ) {
    assert.throws(
      () => policy.checkUrl(new URL(url)),
      (error: Error) => !/SECRET/.test(error.message) && /\.org\/a/.test(error.message),
    );
  }
});

Deno.test("over http nothing but loopback is an address, whatever networks are allowed", () => {
  const policy = new HostPolicy({
    allowInsecureLoopback: true,
    allowedNetworks: ["0.0.0.0/0", "::/0"],
  });
  const url = new URL("http://localhost/");
  for (const address of ["127.0.0.1", "::1"]) policy.checkAddress(url, address);
  for (const address of ["10.0.0.1", "8.8.8.8", "2600::1", "169.254.169.254", ""]) {
    assert.throws(() => policy.checkAddress(url, address), { reason: "address_not_allowed" });
  }
});

import assert from "node:assert/strict";
import {
  isLoopback,
  isMetadata,
  NetworkSet,
  whyNotPublic,
} from "../../../adapters/http/addresses.ts";

Deno.test("each special network is known from its first address to its last, and no further", () => {
  const cases: [
    before: string | null,
    first: string,
    last: string,
    after: string | null,
    kind: string,
  ][] = [
    [null, "0.0.0.0", "0.255.255.255", "1.0.0.0", "of this network"],
    ["9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0", "private"],
    ["100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0", "shared by a carrier"],
    ["126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0", "loopback"],
    ["169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0", "link-local"],
    ["172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0", "private"],
    ["191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0", "reserved for protocols"],
    ["192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0", "for documentation"],
    ["192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0", "reserved for protocols"],
    ["192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0", "private"],
    ["198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0", "for benchmarking"],
    ["198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0", "for documentation"],
    ["203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0", "for documentation"],
    ["223.255.255.255", "224.0.0.0", "239.255.255.255", null, "multicast"],
    [null, "240.0.0.0", "255.255.255.255", null, "reserved"],
    [null, "::", "::", null, "reserved"],
    [null, "2001::", "2001:1ff:ffff::", "2001:200::", "reserved for protocols"],
    ["2001:db7:ffff::", "2001:db8::", "2001:db8:ffff::", "2001:db9::", "for documentation"],
    ["2001:ffff::", "2002::", "2002:ffff::", "2003::", "a 6to4 tunnel"],
    ["3ffe:ffff::", "3fff::", "3fff:fff:ffff::", "3fff:1000::", "for documentation"],
    ["3fff:ffff::", "4000::", "fbff::", null, "reserved"],
    [null, "fc00::", "fdff:ffff::", null, "unique local"],
    [null, "fe80::", "febf:ffff::", null, "link-local"],
    [null, "ff00::", "ffff:ffff::", null, "multicast"],
  ];
  for (const [before, first, last, after, kind] of cases) {
    for (const address of [first, last]) assert.equal(whyNotPublic(address), kind, address);
    for (const address of [before, after]) {
      if (address !== null) assert.equal(whyNotPublic(address), null, address);
    }
    if (first.includes(":")) continue;
    // The same through IPv6.
    for (const prefix of ["::ffff:", "64:ff9b::"]) {
      for (const address of [first, last]) assert.equal(whyNotPublic(prefix + address), kind);
      if (after !== null) assert.equal(whyNotPublic(prefix + after), null, prefix + after);
    }
  }
});

Deno.test("what isn't an address is never public", () => {
  for (
    const text of [
      "",
      "x",
      "1.2.3",
      "08.8.8.8",
      "8.8.8.8 ",
      "8.8.8.8/32",
      "fe80::1%eth0",
      "2600::1%eth0",
      "[2600::1]",
    ]
  ) {
    assert.equal(whyNotPublic(text), "no address", text);
    assert.equal(isLoopback(text) || isMetadata(text), false, text);
  }
});

Deno.test("loopback and metadata are known in both families", () => {
  for (const address of ["127.0.0.1", "127.255.0.1", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1"]) {
    assert.ok(isLoopback(address), address);
  }
  for (const address of ["128.0.0.1", "::2", "::", "::ffff:128.0.0.1", "::127.0.0.1"]) {
    assert.ok(!isLoopback(address), address);
  }
  for (
    const address of ["169.254.169.254", "168.63.129.16", "fd00:ec2::254", "::ffff:169.254.169.254"]
  ) {
    assert.ok(isMetadata(address), address);
  }
  for (const address of ["8.8.8.8", "10.0.0.1", "168.63.129.17", "fd00:ec3::254"]) {
    assert.ok(!isMetadata(address), address);
  }
});

Deno.test("a set of networks has what its networks hold", () => {
  const set = new NetworkSet(["10.1.0.0/16", "192.168.1.1", "fd12::/32"]);
  for (
    const address of ["10.1.0.0", "10.1.255.255", "::ffff:10.1.2.3", "192.168.1.1", "fd12::ffff"]
  ) {
    assert.ok(set.has(address), address);
  }
  for (
    const address of [
      "10.2.0.0",
      "10.0.255.255",
      "192.168.1.2",
      "fd13::",
      "64:ff9b::10.1.0.1",
      "x",
      "",
    ]
  ) {
    assert.ok(!set.has(address), address);
  }
  assert.ok(!new NetworkSet([]).has("10.1.0.0"));
});

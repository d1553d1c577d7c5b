import { BlockList, isIPv4, isIPv6 } from "node:net";
import { WeftError } from "../../engine/core/errors.ts";

/**
 * IPv4 that isn't the public Internet: IANA's special-purpose registry (RFC 6890 and its successors), without
 * the few blocks that it calls globally reachable.
 */
const SPECIAL_IPV4: Readonly<Record<string, readonly string[]>> = {
  "of this network": ["0.0.0.0/8"],
  "loopback": ["127.0.0.0/8"],
  "private": ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"],
  "shared by a carrier": ["100.64.0.0/10"],
  "link-local": ["169.254.0.0/16"],
  "reserved for protocols": ["192.0.0.0/24", "192.88.99.0/24"],
  "for documentation": ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"],
  "for benchmarking": ["198.18.0.0/15"],
  "multicast": ["224.0.0.0/4"],
  "reserved": ["240.0.0.0/4"],
};

/** IPv6 by what it's for; whatever else lies outside of global unicast (2000::/3) is "reserved". */
const SPECIAL_IPV6: Readonly<Record<string, readonly string[]>> = {
  "loopback": ["::1/128"],
  "unique local": ["fc00::/7"],
  "link-local": ["fe80::/10"],
  "site-local": ["fec0::/10"],
  "multicast": ["ff00::/8"],
  "reserved for protocols": ["2001::/23"], // Teredo, benchmarking and ORCHID among them
  "for documentation": ["2001:db8::/32", "3fff::/20"],
  "a 6to4 tunnel": ["2002::/16"],
};

/**
 * Where clouds answer virtual machines, credentials among the answers (AWS, Azure, Google, Oracle, Alibaba).
 * 168.63.129.16 lies in public space.
 */
const METADATA = [
  ...["169.254.0.0/16", "168.63.129.16/32", "100.100.100.200/32", "192.0.0.192/32"],
  ...["fd00:ec2::/64", "fd20:ce::/64"],
];

/** IPv6 whose last 32 bits are the IPv4 address that is meant: mapped (RFC 4291), and NAT64 (RFC 6052). */
const EMBEDDING_PREFIXES = ["::ffff:", "64:ff9b::"];

const PUBLIC_IPV6 = networks([
  "2000::/3",
  ...EMBEDDING_PREFIXES.map((prefix) => `${prefix}0.0.0.0/96`),
]);
const METADATA_LIST = networks(METADATA.flatMap(withEmbedded));
const SPECIAL = [SPECIAL_IPV4, SPECIAL_IPV6].flatMap((table) =>
  Object.entries(table).map(([kind, cidrs]) => ({
    kind,
    list: networks(cidrs.flatMap(withEmbedded)),
  }))
);
const LOOPBACK = networks(["127.0.0.0/8", "::ffff:127.0.0.0/104", "::1/128"]);

/** Why an address isn't on the public Internet ("loopback", "private", …), or null when it is. */
export function whyNotPublic(address: string): string | null {
  if (!isIPv4(address) && !isPlainIPv6(address)) return "no address";
  const special = SPECIAL.find(({ list }) => contains(list, address));
  if (special) return special.kind;
  return isIPv4(address) || contains(PUBLIC_IPV6, address) ? null : "reserved";
}

/** Whether it is this machine itself. */
export function isLoopback(address: string): boolean {
  return contains(LOOPBACK, address);
}

/** Whether a cloud's metadata service lives there: nothing that is configured opens it. */
export function isMetadata(address: string): boolean {
  return contains(METADATA_LIST, address);
}

/** A set of networks, as IPv4 or IPv6 CIDRs or single addresses. IPv4 networks hold their IPv4-mapped forms too. */
export class NetworkSet {
  readonly #list: BlockList;

  /** @throws {WeftError} `invalid_request` for what isn't a network. */
  constructor(cidrs: readonly string[]) {
    this.#list = networks(cidrs.flatMap(withMapped));
  }

  has(address: string): boolean {
    return contains(this.#list, address);
  }
}

function networks(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const { address, bits, family } = parseNetwork(cidr);
    list.addSubnet(address, bits, family);
  }
  return list;
}

interface Network {
  address: string;
  bits: number;
  family: "ipv4" | "ipv6";
}

function parseNetwork(cidr: string): Network {
  const [address, length, ...rest] = cidr.split("/");
  const family = isIPv4(address) ? "ipv4" : "ipv6";
  const maxBits = family === "ipv4" ? 32 : 128;
  const bits = length === undefined ? maxBits : Number(length);
  const isNetwork = (family === "ipv4" || isPlainIPv6(address)) && rest.length === 0 &&
    (length === undefined || /^\d{1,3}$/.test(length)) && bits <= maxBits;
  if (!isNetwork) {
    throw new WeftError(
      "invalid_request",
      `Cannot allow the network "${cidr}": write it as 10.1.0.0/16, fd00:12::/32 or one address`,
    );
  }
  return { address, bits, family };
}

/** A network, and for IPv4 also each form in which IPv6 spells it. */
function withEmbedded(cidr: string): string[] {
  return [cidr, ...EMBEDDING_PREFIXES.flatMap((prefix) => embed(cidr, prefix))];
}

function withMapped(cidr: string): string[] {
  return [cidr, ...embed(cidr, "::ffff:")];
}

function embed(cidr: string, prefix: string): string[] {
  const { address, bits, family } = parseNetwork(cidr);
  return family === "ipv4" ? [`${prefix}${address}/${96 + bits}`] : [];
}

function contains(list: BlockList, address: string): boolean {
  if (isIPv4(address)) return list.check(address, "ipv4");
  return isPlainIPv6(address) && list.check(address, "ipv6");
}

/** Without a zone (`fe80::1%eth0`), which only link-local addresses have. */
function isPlainIPv6(address: string): boolean {
  return isIPv6(address) && !address.includes("%");
}

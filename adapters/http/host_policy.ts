import { isIPv4 } from "node:net";
import { WeftError } from "../../engine/core/errors.ts";
import { adapterError } from "../reasons.ts";
import { isLoopback, isMetadata, NetworkSet, whyNotPublic } from "./addresses.ts";
import { describeUrl } from "./describe_url.ts";

export interface HostPolicyOptions {
  /**
   * `HOST[:PORT]`, the port 443 unless given. The host is a name, `*.example.org` (every name below it, at any
   * depth, but not itself), an IPv4 address or an IPv6 address in brackets.
   */
  allowedHosts?: readonly string[];
  /** CIDRs of addresses that allowed hosts may have although they aren't public. */
  allowedNetworks?: readonly string[];
  /** Allows http, to this machine alone: to `localhost`, names below it and loopback addresses, on every port. */
  allowInsecureLoopback?: boolean;
}

/** Which URLs may be asked, and which addresses their hosts may have. */
export class HostPolicy {
  readonly #hosts: readonly AllowedHost[];
  readonly #networks: NetworkSet;
  readonly #allowInsecureLoopback: boolean;

  /** @throws {WeftError} `invalid_request` for a host or network that isn't one. */
  constructor(options: HostPolicyOptions = {}) {
    this.#hosts = (options.allowedHosts ?? []).map(parseAllowedHost);
    this.#networks = new NetworkSet(options.allowedNetworks ?? []);
    this.#allowInsecureLoopback = options.allowInsecureLoopback ?? false;
  }

  /**
   * What can be told without asking anyone.
   *
   * @throws {WeftError} `bad_url`, `scheme_not_allowed`, `host_not_allowed` or, for a URL that spells an address
   * out, `address_not_allowed`.
   */
  checkUrl(url: URL): void {
    this.#checkScheme(url);
    if (url.username !== "" || url.password !== "") {
      throw adapterError(
        "bad_url",
        `Cannot ask ${describeUrl(url)}: its URL holds a user or password`,
      );
    }
    if (url.protocol === "https:" && !this.#hosts.some((allowed) => allows(allowed, url))) {
      throw adapterError(
        "host_not_allowed",
        `Cannot ask ${describeUrl(url)}: host "${url.hostname}" with port ${
          portOf(url)
        } is not allowed ` +
          `(--allow-adapter-host allows it)`,
      );
    }
    const address = literalAddress(url);
    if (address !== null) this.checkAddress(url, address);
  }

  /** @throws {WeftError} `address_not_allowed` unless `url`, which is allowed, may be reached at this address. */
  checkAddress(url: URL, address: string): void {
    const why = this.#whyNotAt(url, address);
    if (why !== null) {
      throw adapterError(
        "address_not_allowed",
        `Cannot ask ${describeUrl(url)}: host "${url.hostname}" has the address ${address}, ${why}`,
      );
    }
  }

  #checkScheme(url: URL): void {
    if (url.protocol === "https:") return;
    if (url.protocol === "http:") {
      const address = literalAddress(url);
      const isHere = address === null ? isLocalhost(url.hostname) : isLoopback(address);
      if (this.#allowInsecureLoopback && isHere) return;
    }
    throw adapterError(
      "scheme_not_allowed",
      `Cannot ask ${
        describeUrl(url)
      }: only https is allowed, and http to a loopback address with ` +
        `--allow-insecure-loopback`,
    );
  }

  #whyNotAt(url: URL, address: string): string | null {
    if (isMetadata(address)) return "where clouds keep credentials; it is never allowed";
    if (url.protocol === "http:") return isLoopback(address) ? null : "which is not loopback";
    const kind = whyNotPublic(address);
    if (kind === null || this.#networks.has(address)) return null;
    return `which is ${kind}; only public addresses and those of --allow-adapter-network are allowed`;
  }
}

/** Names that are this machine by definition (RFC 6761): no resolver has a say. */
export function isLocalhost(hostname: string): boolean {
  return hostname === "localhost" || hostname.endsWith(".localhost");
}

/** The address that a URL spells out as its host, or null for a name. */
export function literalAddress(url: URL): string | null {
  if (url.hostname.startsWith("[")) return url.hostname.slice(1, -1);
  return isIPv4(url.hostname) ? url.hostname : null;
}

interface AllowedHost {
  /** As URL writes it: lower case, punycode, plain addresses. */
  hostname: string;
  /** Names below it, instead of itself. */
  isPattern: boolean;
  port: string;
}

function parseAllowedHost(entry: string): AllowedHost {
  const isPattern = entry.startsWith("*.");
  const host = isPattern ? entry.slice(2) : entry;
  // Nothing but a host and a port: URL itself would drop blanks and take paths, users and queries.
  const isPlain = /^(\[[\p{L}\p{N}:.]+\]|[\p{L}\p{N}._-]+)(:\d{1,5})?$/u.test(host);
  const url = isPlain ? URL.parse(`https://${host}`) : null;
  const isLiteral = url !== null && literalAddress(url) !== null;
  if (url === null || (isPattern && (isLiteral || !url.hostname.includes(".")))) {
    throw new WeftError(
      "invalid_request",
      `Cannot allow the host "${
        withoutUser(entry)
      }": write it as HOST[:PORT], such as example.org, ` +
        `*.example.org:8443, 192.0.2.1 or [2001:db8::1]:8443`,
    );
  }
  return { hostname: url.hostname, isPattern, port: portOf(url) };
}

function allows(allowed: AllowedHost, url: URL): boolean {
  if (portOf(url) !== allowed.port) return false;
  if (!allowed.isPattern) return url.hostname === allowed.hostname;
  return url.hostname.endsWith(`.${allowed.hostname}`);
}

/** The URL's port, also where it is the scheme's own. */
export function portOf(url: URL): string {
  return url.port || (url.protocol === "http:" ? "80" : "443");
}

/** A bad entry may be a whole URL with a password in it. */
function withoutUser(entry: string): string {
  return entry.replace(/^.*@/s, "…@").replace(/[?#].*$/s, "");
}

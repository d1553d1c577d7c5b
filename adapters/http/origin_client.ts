import type { LookupAddress } from "node:dns";
import { lookup as resolveName } from "node:dns/promises";
import http from "node:http";
import https from "node:https";
import { isIPv6 } from "node:net";
import { getCACertificates } from "node:tls";
import { messageOf, WeftError } from "../../engine/core/errors.ts";
import { adapterError } from "../reasons.ts";
import type { OriginClient, OriginRequest, OriginResponse } from "./client.ts";
import { describeUrl } from "./describe_url.ts";
import { Exchange } from "./exchange.ts";
import {
  HostPolicy,
  type HostPolicyOptions,
  isLocalhost,
  literalAddress,
  portOf,
} from "./host_policy.ts";
import { nextHop, throwAtRedirect } from "./redirects.ts";

export interface OriginClientOptions extends HostPolicyOptions {
  /** For resolving, connecting and the TLS handshake together, at each hop. */
  connectTimeoutMs?: number;
  /** For the answer to begin, and between its chunks while someone reads. */
  idleTimeoutMs?: number;
  /** All addresses of a host; the system's resolver unless given. Names of this machine are not asked for. */
  resolve?: (host: string) => Promise<readonly string[]>;
  /** More authorities to trust beside the usual ones, PEM. */
  extraAuthorities?: readonly string[];
  /** Open and keep the connections: a seam for tests that must not connect. */
  agents?: { http: http.Agent; https: https.Agent };
}

/** The client, and what its owner needs of it. */
export interface GuardedClient extends OriginClient, Disposable {
  /** Refuses at once what `request` would refuse without asking anyone; see HostPolicy. */
  checkUrl(url: URL): void;
  /** Ends every connection, also those in use. */
  close(): void;
}

const CONNECT_TIMEOUT_MS = 10_000;
const IDLE_TIMEOUT_MS = 30_000;
/** Kept a host for the next request; more may be open at a time: callers bound what they ask for at once. */
const MAX_KEPT_CONNECTIONS = 16;
/** Each repeat takes another kept connection that may have been closed meanwhile too. */
const MAX_STALE_CONNECTIONS = MAX_KEPT_CONNECTIONS + 1;

/**
 * An OriginClient over node:http with the checks of HostPolicy at each hop. Names are resolved when a connection
 * is opened, all their addresses are checked, and the connection goes to one of these; a kept connection stays
 * with the address it was checked for. TLS is checked against the name. HTTP(S)_PROXY is not followed.
 *
 * @throws {WeftError} `invalid_request` for a host or network that isn't one.
 */
export function createOriginClient(options: OriginClientOptions = {}): GuardedClient {
  return new NodeOriginClient(options);
}

class NodeOriginClient implements GuardedClient {
  readonly #policy: HostPolicy;
  readonly #agents: { http: http.Agent; https: https.Agent };
  readonly #resolve: (host: string) => Promise<readonly string[]>;
  readonly #connectTimeoutMs: number;
  readonly #idleTimeoutMs: number;
  #isClosed = false;

  constructor(options: OriginClientOptions) {
    this.#policy = new HostPolicy(options);
    this.#agents = options.agents ?? createAgents(options.extraAuthorities ?? []);
    this.#resolve = options.resolve ?? resolveBySystem;
    this.#connectTimeoutMs = options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS;
    this.#idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
  }

  async request(request: OriginRequest): Promise<OriginResponse> {
    let hop = request;
    for (let redirects = 0;; redirects++) {
      try {
        const response = await this.#ask(hop);
        const next = await nextHop({ hop, response, redirects });
        if (next === null) return response;
        hop = next;
      } catch (error) {
        throwAtRedirect(error, { from: request.url, to: hop.url, redirects });
      }
    }
  }

  checkUrl(url: URL): void {
    this.#policy.checkUrl(url);
  }

  close(): void {
    this.#isClosed = true;
    this.#agents.http.destroy();
    this.#agents.https.destroy();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #ask(request: OriginRequest): Promise<OriginResponse> {
    const { url, signal } = request;
    this.#policy.checkUrl(url);
    const literal = literalAddress(url);
    if (literal !== null) checkPermission(url, literal);
    for (let stale = 0;; stale++) {
      signal.throwIfAborted();
      if (this.#isClosed) {
        throw new WeftError("unavailable", `Cannot ask ${describeUrl(url)}: the client is closed`);
      }
      const exchange = new Exchange(request, {
        agent: url.protocol === "https:" ? this.#agents.https : this.#agents.http,
        resolve: () => this.#addressesOf(url),
        onConnect: (address) => this.#policy.checkAddress(url, address),
        connectTimeoutMs: this.#connectTimeoutMs,
        idleTimeoutMs: this.#idleTimeoutMs,
      });
      try {
        return await exchange.response();
      } catch (error) {
        if (!exchange.metStaleConnection || stale === MAX_STALE_CONNECTIONS) throw error;
      }
    }
  }

  /** Where a new connection may go. */
  async #addressesOf(url: URL): Promise<LookupAddress[]> {
    const addresses = isLocalhost(url.hostname)
      ? ["127.0.0.1", "::1"]
      : await this.#resolveName(url);
    for (const address of addresses) this.#policy.checkAddress(url, address);
    for (const address of addresses) checkPermission(url, address);
    return addresses.map((address) => ({ address, family: isIPv6(address) ? 6 : 4 }));
  }

  async #resolveName(url: URL): Promise<readonly string[]> {
    let addresses: readonly string[] = [];
    let why = "it has no address";
    try {
      addresses = await this.#resolve(url.hostname);
    } catch (error) {
      why = messageOf(error);
    }
    if (addresses.length === 0) {
      throw adapterError(
        "dns_failed",
        `Cannot ask ${describeUrl(url)}: resolving "${url.hostname}" failed: ${why}`,
      );
    }
    return addresses;
  }
}

/**
 * Node's sockets throw out of their own callbacks, and end the process, where the second address of a host falls
 * under --deny-net (Deno 2.9.6): so that wall is looked at before.
 */
function checkPermission(url: URL, address: string): void {
  const host = `${isIPv6(address) ? `[${address}]` : address}:${portOf(url)}`;
  if (Deno.permissions.querySync({ name: "net", host }).state !== "granted") {
    throw adapterError(
      "connect_failed",
      `Cannot ask ${
        describeUrl(url)
      }: this process may not connect to ${host} (--allow-net, --deny-net)`,
    );
  }
}

async function resolveBySystem(host: string): Promise<string[]> {
  return (await resolveName(host, { all: true })).map(({ address }) => address);
}

function createAgents(
  extraAuthorities: readonly string[],
): { http: http.Agent; https: https.Agent } {
  const kept = { keepAlive: true, maxFreeSockets: MAX_KEPT_CONNECTIONS, autoSelectFamily: true };
  return {
    http: new http.Agent(kept),
    https: new https.Agent({
      ...kept,
      rejectUnauthorized: true, // whatever NODE_TLS_REJECT_UNAUTHORIZED says
      minVersion: "TLSv1.2",
      // Needs --allow-sys: Deno 2.9.6 asks for its part "ca", but doesn't take --allow-sys=ca. Read here and not by
      // the agent, so that it shows at start. NODE_EXTRA_CA_CERTS and DENO_TLS_CA_STORE=system count, DENO_CERT doesn't.
      ca: [...getCACertificates("default"), ...extraAuthorities],
    }),
  };
}

/** Set by proxies, behind which every client looks local. A name that ends in "-" is a prefix. */
const FORWARDING_HEADERS = [
  ...["forwarded", "via", "x-forwarded", "x-forwarded-", "x-real-ip", "x-client-ip"],
  ...["x-cluster-client-ip", "x-original-forwarded-", "x-envoy-", "cf-", "true-client-ip"],
  ...["fly-client-ip", "fastly-client-ip", "tailscale-", "x-arr-", "x-azure-"],
];

export interface Connection {
  /** The address at the connection's other end; undefined where it is not an IP connection. */
  peer: string | undefined;
  /** The server listens on a loopback address alone. */
  bound: boolean;
}

/**
 * Why a request can't be trusted to come from a user of this machine; null where it can. The connection alone
 * doesn't tell: a proxy connects from here, and so does a browser here that another site's page drives, by
 * forms and `fetch` or by a name of its own that it lets resolve to 127.0.0.1.
 */
export function whyNotLocal(request: Request, { peer, bound }: Connection): string | null {
  const { headers } = request;
  if (!bound) return "the server listens on an address that others can reach";
  if (peer === undefined || !isLoopbackAddress(peer)) return "the request came from elsewhere";
  const url = new URL(request.url);
  const host = headers.get("host") ?? url.host;
  if (!isLoopbackHost(hostnameOf(host))) return "its Host header does not name this machine";
  const forwarding = [...headers.keys()].find((name) =>
    FORWARDING_HEADERS.some((known) =>
      known.endsWith("-") ? name.startsWith(known) : name === known
    )
  );
  if (forwarding !== undefined) return `a proxy forwarded the request (${forwarding})`;
  const site = headers.get("sec-fetch-site") ?? "none";
  if (site !== "none" && site !== "same-origin") return "another site's page made the request";
  const origin = headers.get("origin");
  if (origin !== null && origin.toLowerCase() !== `${url.protocol}//${host}`.toLowerCase()) {
    return "another site's page made the request";
  }
  return null;
}

/** Whether a host name or address (IPv6 without brackets) to listen on, or in a Host header, is this machine's alone. */
export function isLoopbackHost(host: string): boolean {
  return host.toLowerCase() === "localhost" || isLoopbackAddress(host);
}

function isLoopbackAddress(address: string): boolean {
  const v4 = address.toLowerCase().replace(/^::ffff:/, "");
  return address === "::1" || /^127(\.(25[0-5]|2[0-4]\d|1?\d?\d)){3}$/.test(v4);
}

/** `name:port` or `[v6]:port` without the port and brackets; "" for what is neither. */
function hostnameOf(host: string): string {
  const match = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/i.exec(host);
  return match?.[1] ?? match?.[2] ?? "";
}

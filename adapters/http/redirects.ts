import { messageOf, WeftError } from "../../engine/core/errors.ts";
import { adapterError, type AdapterReason } from "../reasons.ts";
import type { OriginRequest, OriginResponse } from "./client.ts";
import { describeUrl } from "./describe_url.ts";

const MAX_REDIRECTS = 3;
const REDIRECTS: readonly number[] = [301, 302, 303, 307, 308];
/** What is read of a redirect's body to keep its connection; of longer ones, nothing. */
const MAX_DRAINED_BYTES = 4096;

/** What the policy refuses; at a redirect it is the origin's fault, not the caller's. */
const REFUSALS: readonly (AdapterReason | undefined)[] = [
  "bad_url",
  "scheme_not_allowed",
  "host_not_allowed",
  "address_not_allowed",
];

export interface Answered {
  hop: OriginRequest;
  response: OriginResponse;
  /** How many were followed before. */
  redirects: number;
}

/**
 * The request that a redirect leads to, or null for an answer that is none. Other headers go along, credentials
 * only within one origin: once they are dropped, a way back doesn't bring them back.
 *
 * @throws {WeftError} `bad_response`, `redirect_not_allowed` or `too_many_redirects`.
 */
export async function nextHop(
  { hop, response, redirects }: Answered,
): Promise<OriginRequest | null> {
  if (!REDIRECTS.includes(response.status)) return null;
  await discard(response);
  const from = describeUrl(hop.url);
  if (redirects === MAX_REDIRECTS) {
    throw adapterError(
      "too_many_redirects",
      `Cannot fetch ${from}: more than ${MAX_REDIRECTS} redirects`,
    );
  }
  const location = response.headers.get("location");
  const url = location === null ? null : URL.parse(location, hop.url);
  if (url === null) {
    throw adapterError("bad_response", `Cannot fetch ${from}: it redirects to no valid URL`);
  }
  if (hop.url.protocol === "https:" && url.protocol === "http:") {
    throw adapterError(
      "redirect_not_allowed",
      `Cannot follow the redirect from ${from} to ${describeUrl(url)}: it leaves https`,
    );
  }
  const { credentials, ...rest } = hop;
  return url.origin === hop.url.origin ? { ...rest, credentials, url } : { ...rest, url };
}

/** Throws what happened at a hop, told from where the redirect came. */
export function throwAtRedirect(
  error: unknown,
  { from, to, redirects }: { from: URL; to: URL; redirects: number },
): never {
  const isRefusal = error instanceof WeftError &&
    REFUSALS.some((reason) => reason === error.reason);
  if (redirects === 0 || !isRefusal) throw error;
  throw adapterError(
    "redirect_not_allowed",
    `Cannot follow the redirect from ${describeUrl(from)} to ${describeUrl(to)}: ${
      messageOf(error)
    }`,
    { cause: error },
  );
}

/** Reads a short body to its end, so that the connection can be kept. */
async function discard({ headers, body }: OriginResponse): Promise<void> {
  const length = Number(headers.get("content-length") ?? Infinity);
  if (!(length <= MAX_DRAINED_BYTES)) return await body.cancel();
  for await (const _ of body);
}

import { messageOf, WeftError } from "../core/errors.ts";
import type { HubSpec } from "./hub_spec.ts";

export type HubFetch = (url: string, init?: RequestInit) => Promise<Response>;

/**
 * A fetch that brings the token along and turns every failure into an error that says what to do. `fetch`
 * itself drops the token when the hub redirects to another origin for the content.
 */
export function hubFetch(hub: HubSpec & { endpoint: string; token?: string }): HubFetch {
  return async (url, init = {}) => {
    const headers = new Headers(init.headers);
    const isHub = new URL(url).origin === new URL(hub.endpoint).origin;
    if (hub.token && isHub) headers.set("authorization", `Bearer ${hub.token}`);
    // Compressed content has other lengths and no ranges.
    headers.set("accept-encoding", "identity");
    let response: Response;
    try {
      response = await fetch(url, { ...init, headers });
    } catch (error) {
      init.signal?.throwIfAborted();
      throw new WeftError(
        "unavailable",
        `Cannot reach ${hub.endpoint} for hf://${hub.repo}: ${messageOf(error)}; ` +
          `check the network, or give a local directory or a cached commit (hf://${hub.repo}@<commit>)`,
        { cause: error },
      );
    }
    if (response.ok) return response;
    const body = await response.text();
    throw errorFor(response, { ...hub, body });
  };
}

/** The hub's statuses are told apart further by its `X-Error-Code`. */
function errorFor(
  response: Response,
  hub: HubSpec & { endpoint: string; token?: string; body: string },
): WeftError {
  const { repo, revision, endpoint } = hub;
  const name = revision === null ? `hf://${repo}` : `hf://${repo}@${revision}`;
  const reason = response.headers.get("x-error-code") ?? "";
  const advice = hub.token ? "check the access of the token given" : "give an access token";
  if (reason === "GatedRepo") {
    return new WeftError(
      "unauthorized",
      `Cannot download ${name}: it is gated; accept its terms at ${endpoint}/${repo} and ${advice}`,
    );
  }
  switch (response.status) {
    // The hub does not tell strangers whether a private model exists.
    case 401:
    case 403:
      return new WeftError(
        "unauthorized",
        `Cannot download ${name}: there is no such public model; check the name, or ${advice}`,
      );
    case 404:
      return new WeftError(
        "not_found",
        reason === "RevisionNotFound"
          ? `Cannot download ${name}: the model has no such revision`
          : `Cannot download ${name}: ${endpoint} has no such model, revision or file`,
      );
    default:
      return new WeftError(
        "unavailable",
        `Cannot download ${name}: ${endpoint} answered ${response.status} ${
          hub.body.slice(0, 200)
        }`,
      );
  }
}

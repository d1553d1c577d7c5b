/** Reaching origins under guard: which hosts, which addresses, which redirects, and how long to wait. */
export type { OriginClient, OriginRequest, OriginResponse } from "./client.ts";
export { describeUrl } from "./describe_url.ts";
export { HostPolicy, type HostPolicyOptions } from "./host_policy.ts";
export {
  createOriginClient,
  type GuardedClient,
  type OriginClientOptions,
} from "./origin_client.ts";

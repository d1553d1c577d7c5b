import http from "node:http";
import https from "node:https";
import { isIP } from "node:net";
import { isLoopback } from "../../../adapters/http/addresses.ts";
import { testAuthority } from "../fault_server.ts";

/** Agents that connect to this machine alone: what the guard wrongly lets through is recorded, not dialled. */
export interface LoopbackAgents {
  http: http.Agent;
  https: https.Agent;
  /** Addresses that were about to be dialled beyond this machine. */
  escapes: string[];
}

export function loopbackAgents(): LoopbackAgents {
  const escapes: string[] = [];
  // deno-lint-ignore no-explicit-any -- what Node's agents pass on to net.connect is typed nowhere
  function guard(create: any): any {
    // deno-lint-ignore no-explicit-any -- as above
    return function (this: unknown, options: any, callback: unknown) {
      const { host, lookup } = options;
      const stop = (address: string) => {
        escapes.push(address);
        return new Error(`the guard let ${address} through`);
      };
      if (isIP(host) !== 0 && !isLoopback(host)) throw stop(host);
      // deno-lint-ignore no-explicit-any -- as above
      function guarded(name: string, how: unknown, found: any): void {
        // deno-lint-ignore no-explicit-any -- as above
        lookup(name, how, (error: unknown, addresses: any, family: unknown) => {
          const all = typeof addresses === "string" ? [{ address: addresses }] : addresses;
          const outside = all.find(({ address }: { address: string }) => !isLoopback(address));
          found(error ?? (outside ? stop(outside.address) : null), addresses, family);
        });
      }
      return create.call(this, { ...options, lookup: guarded }, callback);
    };
  }
  const plain = new http.Agent({ keepAlive: true });
  const tls = new https.Agent({ keepAlive: true, ca: testAuthority() });
  for (const agent of [plain, tls]) {
    Object.assign(agent, { createConnection: guard(Reflect.get(agent, "createConnection")) });
  }
  return { http: plain, https: tls, escapes };
}

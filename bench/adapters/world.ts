import { type AdapterWorld, openAdapterWorld } from "../../adapters/mod.ts";

const GIB = 2 ** 30;

/** What an adapter store in this process needs, with its state in a directory and one origin that it may ask. */
export function openBenchWorld(
  stateDir: string,
  allowedHosts: string[] = [],
): Promise<AdapterWorld> {
  return openAdapterWorld({
    stateDir,
    diskBytes: GIB,
    places: [],
    manifest: null,
    router: null,
    fileRoots: [],
    allowedHosts,
    allowedNetworks: [],
    allowInsecureLoopback: true,
    maxDownloadBytes: GIB,
    downloadTimeoutMs: 60_000,
    bytesPerSecond: null,
    hub: { endpoint: "https://hub.invalid" },
    objectStorage: null,
    env: () => undefined,
    onCorrupt(generation) {
      throw new Error(`${generation} was found corrupt on the disk`);
    },
  });
}

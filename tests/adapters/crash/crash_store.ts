import { AdapterStore, openAdapterWorld } from "../../../adapters/mod.ts";
import { readModelConfig } from "../../../engine/mod.ts";

/** What the child says it does to a name; null is its deletion. */
export type Step =
  | { kind: "ready" }
  | { kind: "trying" | "done"; name: string; content: number | null };

/** Room for what all names can pin, but not for all contents, so that the disk cache evicts as well. */
const DISK_BYTES = 6 * 950_000;

/** A store as the server has it, over everything that lasts. */
export async function openCrashStore(
  stateDir: string,
): Promise<{ store: AdapterStore } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const { origins, disk, registry } = stack.use(
    await openAdapterWorld({
      stateDir,
      diskBytes: DISK_BYTES,
      places: [],
      manifest: null,
      router: null,
      fileRoots: [],
      allowedHosts: [],
      allowedNetworks: [],
      allowInsecureLoopback: true,
      maxDownloadBytes: 2 ** 24,
      downloadTimeoutMs: 60_000,
      bytesPerSecond: null,
      hub: { endpoint: "https://hub.invalid" },
      objectStorage: null,
      env: () => undefined,
      onCorrupt(generation) {
        throw new Error(`${generation} was found corrupt on the disk`);
      },
    }),
  );
  const store = await AdapterStore.open({
    origins,
    disk,
    registry,
    model: await readModelConfig("models/demo"),
    maxRank: 64,
    maxBytes: 2 ** 24,
  });
  stack.defer(() => store.close());
  const opened = stack.move();
  return { store, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

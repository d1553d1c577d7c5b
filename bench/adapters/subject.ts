import { join } from "node:path";
import { AdapterStore, openAdapterWorld } from "../../adapters/mod.ts";
import type { Engine } from "../../engine/core/engine.ts";
import { GREEDY } from "../../engine/core/generation.ts";
import { startEngine } from "../../engine/mod.ts";

const MODEL = "models/demo";

/** An origin on this machine whose objects may be replaced. */
export class Origin implements Disposable {
  readonly #worker = new Worker(new URL("./origin_worker.ts", import.meta.url), { type: "module" });
  readonly #placing: ((port: number) => void)[] = [];
  #port = 0;

  constructor() {
    this.#worker.onmessage = ({ data }) => this.#placing.shift()!(data);
  }

  /** Serves these, by path, from now on. */
  async place(objects: Record<string, Uint8Array<ArrayBuffer>>): Promise<void> {
    const placed = new Promise<number>((resolve) => this.#placing.push(resolve));
    this.#worker.postMessage(objects);
    this.#port = await placed;
  }

  url(path: string): string {
    return `http://127.0.0.1:${this.#port}${path}`;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}

/** One of the demo's adapters, as often as wanted: each differs in the last bit of one number. */
export class Variants {
  readonly #config: Uint8Array<ArrayBuffer>;
  readonly #weights: Uint8Array<ArrayBuffer>;
  #count = 0;

  constructor(name: string) {
    const folder = join(MODEL, "adapters", name);
    this.#config = Deno.readFileSync(join(folder, "adapter_config.json"));
    this.#weights = Deno.readFileSync(join(folder, "adapter_model.safetensors"));
  }

  get bytes(): number {
    return this.#config.length + this.#weights.length;
  }

  /** The two files of another variant, by path below `folder`. */
  next(folder: string): Record<string, Uint8Array<ArrayBuffer>> {
    const weights = this.#weights.slice();
    new DataView(weights.buffer).setUint16(weights.length - 2, ++this.#count, true);
    return {
      [`${folder}/adapter_config.json`]: this.#config,
      [`${folder}/adapter_model.safetensors`]: weights,
    };
  }
}

export interface Subject extends AsyncDisposable {
  store: AdapterStore;
  engine: Engine;
}

/** Store and engine as the server has them, without HTTP before them. */
export async function openSubject(
  { maxAdapters, memoryBytes }: { maxAdapters?: number; memoryBytes: number },
): Promise<Subject> {
  await using stack = new AsyncDisposableStack();
  await Deno.mkdir(".weft", { recursive: true });
  const stateDir = await Deno.makeTempDir({ dir: ".weft", prefix: "bench-" });
  stack.defer(() => Deno.remove(stateDir, { recursive: true }));
  const { origins, disk, registry } = stack.use(
    await openAdapterWorld({
      stateDir,
      diskBytes: 2 ** 30,
      places: [],
      manifest: null,
      fileRoots: [],
      allowedHosts: [],
      allowedNetworks: [],
      allowInsecureLoopback: true,
      maxDownloadBytes: 2 ** 28,
      downloadTimeoutMs: 60_000,
      bytesPerSecond: null,
      hub: { endpoint: "https://hub.invalid" },
      objectStorage: null,
      env: () => undefined,
      onCorrupt: () => {},
    }),
  );
  const engine = await startEngine({
    modelDirectory: MODEL,
    maxAdapters,
    loadAdapter: (generation) => store.weightsOf(generation),
  });
  stack.defer(() => engine.close());
  const store = await AdapterStore.open({
    origins,
    disk,
    registry,
    model: engine.info.model,
    maxRank: engine.info.maxLoraRank,
    maxBytes: memoryBytes,
    gpu: {
      has: (generation) => engine.stats().residentAdapters.includes(generation),
      hold: (generation, signal) => engine.holdAdapter(generation, signal),
    },
  });
  stack.defer(() => store.close());
  const opened = stack.move();
  return { store, engine, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** Asks for tokens under a generation; `onTokens` is called as they come. */
export async function generate(
  engine: Engine,
  { generation, tokens, onTokens }: { generation: string; tokens: number; onTokens(): void },
): Promise<void> {
  const events = engine.generate({
    id: crypto.randomUUID(),
    promptTokens: Uint32Array.from({ length: 16 }, () => 16 + Math.floor(Math.random() * 1900)),
    maxTokens: tokens,
    mixture: [{ generation, weight: 1 }],
    sampling: GREEDY,
    stopTokens: [],
    pauseTokens: [],
  }, new AbortController().signal);
  for await (const event of events) if (event.kind === "tokens") onTokens();
}

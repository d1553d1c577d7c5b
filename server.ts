/** The server: reads the configuration, makes the parts, wires them, serves until told to stop. */
import { stat } from "node:fs/promises";
import { join } from "node:path";
import {
  AdapterStore,
  type AdapterWorld,
  ClassBinding,
  openAdapterWorld,
  RouterSeat,
} from "./adapters/mod.ts";
import { type Config, readConfig, VERSION } from "./config.ts";
import type { Engine } from "./engine/core/engine.ts";
import { messageOf } from "./engine/core/errors.ts";
import {
  loadTokenizer,
  resolveModel,
  routerText,
  startEngine,
  type TextTokenizer,
  tokenTable,
} from "./engine/mod.ts";
import {
  adapterLog,
  banner,
  createApp,
  createLogger,
  createMetrics,
  isLoopbackHost,
  Lifecycle,
  type Logger,
  MAX_BODY_BYTES,
  type Progress,
  progressOf,
  serve,
  stopOnSignals,
} from "./routes/mod.ts";

const HUB = "https://huggingface.co";

async function run(config: Config, thread: Worker): Promise<number> {
  const logger = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    write: (line) => console.error(line),
  });
  const downloading = perLabel((file) => consoleProgress(file, logger));
  const loading = consoleProgress("weights", logger);
  await using world = await openWorld(config, logger);
  const modelDirectory = await resolveModel(config.model, {
    cacheDir: join(config.stateDir, "models"),
    token: config.hfToken ?? undefined,
    endpoint: config.hfEndpoint ?? undefined,
    onProgress: ({ file, doneBytes, totalBytes }) => downloading(file)(doneBytes, totalBytes),
  });
  const tokenizing = loadTokenizer(modelDirectory);
  // Awaited later; should the engine fail first, this one's failure is not the news.
  tokenizing.catch(() => {});
  const store = Promise.withResolvers<AdapterStore>();
  const ownRouter = await ownRouterOf(modelDirectory);
  const engine = await startEngine({
    thread,
    modelDirectory,
    dtype: config.dtype,
    quantize: config.quantize,
    expectsRouter: (config.router ?? ownRouter ?? "none") !== "none",
    maxBatch: config.maxBatch ?? undefined,
    maxModelLen: config.maxModelLen ?? undefined,
    gpuMemoryBytes: config.gpuMemoryBytes ?? undefined,
    kvMemoryBytes: config.kvMemoryBytes ?? undefined,
    maxAdapters: config.maxAdapters ?? undefined,
    maxLoraRank: config.maxLoraRank ?? undefined,
    maxQueuedRequests: config.maxQueuedRequests,
    maxQueuedTokens: config.maxQueuedTokens,
    // The store needs the engine's model, and may pin adapters while it opens.
    loadAdapter: async (generation) => (await store.promise).weightsOf(generation),
    acquireClass: async (label) => (await store.promise).acquire(label),
    onProgress: ({ loadedBytes, totalBytes }) => loading(loadedBytes, totalBytes),
    tuning: { file: join(config.stateDir, "tuning.json"), measure: config.tune },
    endsWithProcess: true,
  });
  await using parts = new AsyncDisposableStack();
  parts.defer(() => engine.close());
  const adapters = await openStore(config, { engine, world, logger });
  parts.defer(() => adapters.close());
  store.resolve(adapters);
  const tokenizer = await tokenizing;
  parts.defer(() => tokenizer.close());
  const { seat, classes } = await openRouter(config, {
    engine,
    tokenizer,
    adapters,
    world,
    logger,
    ownRouter,
  });
  parts.defer(() => classes.close());
  const lifecycle = new Lifecycle();
  const clock = {
    now: () => performance.now(),
    epochSeconds: () => Math.floor(Date.now() / 1000),
  };
  const app = createApp({
    engine,
    tokenizer,
    adapters,
    seat,
    classes,
    settings: {
      modelName: config.servedModelName,
      modelSource: config.model,
      apiKeys: config.apiKeys,
      adminToken: config.adminToken,
      boundToLoopback: isLoopbackHost(config.host),
      allowRequestUrls: config.allowRequestUrls,
      corsOrigins: config.corsOrigins,
      maxBodyBytes: MAX_BODY_BYTES,
    },
    lifecycle,
    metrics: createMetrics({
      stats: () => engine.stats(),
      adapters,
      maxAdapters: engine.info.maxAdapters,
      deviceBytes: engine.info.deviceBytes,
      lifecycle,
      clock,
      version: VERSION,
    }),
    logger,
    clock,
  });
  return await serve({
    fetch: (request, connection) => app.fetch(request, connection),
    engine,
    lifecycle,
    logger,
    host: config.host,
    port: config.port,
    drainMs: config.drainSeconds * 1000,
    stop: stopOnSignals(),
    onListen: (url) =>
      console.log(banner({
        info: engine.info,
        modelName: config.servedModelName,
        adapters: adapters.list().map(({ name }) => name),
        router: seat.present?.info ?? null,
        url,
        locked: config.apiKeys.length > 0,
      })),
  });
}

function openWorld(config: Config, logger: Logger): Promise<AdapterWorld> {
  return openAdapterWorld({
    stateDir: config.stateDir,
    diskBytes: config.adapterDiskBytes,
    places: config.adapters,
    manifest: config.adapterManifest,
    router: config.router === "none" ? null : config.router,
    fileRoots: config.adapterRoots,
    allowedHosts: config.allowedAdapterHosts,
    allowedNetworks: config.allowedAdapterNetworks,
    allowInsecureLoopback: config.allowInsecureLoopback,
    maxDownloadBytes: config.adapterMaxDownloadBytes,
    downloadTimeoutMs: config.adapterTimeoutSeconds * 1000,
    bytesPerSecond: config.adapterBandwidth,
    hub: { endpoint: config.hfEndpoint ?? HUB, token: config.hfToken ?? undefined },
    objectStorage: config.objectStorage,
    env: (name) => Deno.env.get(name),
    onCorrupt: (generation) => logger.log("warn", "adapter_corrupt_on_disk", { generation }),
  });
}

/** A name in `model` must mean one thing: the base's and the router's are taken. */
function openStore(
  config: Config,
  { engine, world, logger }: { engine: Engine; world: AdapterWorld; logger: Logger },
): Promise<AdapterStore> {
  const { origins, catalogues, manifest, disk, registry } = world;
  return AdapterStore.open({
    origins,
    catalogues,
    manifest,
    disk,
    registry,
    model: engine.info.model,
    maxRank: engine.info.maxLoraRank,
    dtype: engine.info.dtype,
    maxBytes: config.adapterMemoryBytes,
    gpu: {
      has: residencyOf(engine),
      hold: (generation, signal) => engine.holdAdapter(generation, signal),
    },
    reservedNames: [config.servedModelName, "auto"],
    maxConcurrentFetches: config.adapterFetches,
    refreshMs: config.adapterRefreshSeconds * 1000,
    onEvent: adapterLog(logger),
  });
}

interface RouterParts {
  engine: Engine;
  tokenizer: TextTokenizer;
  adapters: AdapterStore;
  world: AdapterWorld;
  logger: Logger;
  /** The one in the model's directory. */
  ownRouter: string | null;
}

/** Puts the router in place that the latest order, the command line or the model's directory names. */
async function openRouter(
  config: Config,
  { engine: { router }, tokenizer, adapters, world, logger, ownRouter }: RouterParts,
): Promise<{ seat: RouterSeat; classes: ClassBinding }> {
  const classes = new ClassBinding({
    router,
    adapters,
    encode: (text, maxTokens) => tokenizer.encodeTail(routerText(text), maxTokens),
    onProblem: (adapter, message) =>
      logger.log("warn", "examples_not_routable", { adapter, error: message }),
  });
  const seat = new RouterSeat({
    engine: router,
    vocabulary: () => ({ hash: tokenizer.vocabularyHash, table: tokenTable(tokenizer) }),
    origins: world.origins,
    kept: world.router,
    startedWith: JSON.stringify([config.model, config.router]),
    onChange: () => classes.routerChanged(),
  });
  const problem = await seat.start({ asked: config.router, own: ownRouter });
  if (problem !== null) {
    logger.log("warn", "router_left_out", {
      code: problem.reason ?? problem.code,
      error: problem.message,
    });
  }
  return { seat, classes };
}

/** The router that comes with a model, in its directory; null where there is none. */
function ownRouterOf(modelDirectory: string): Promise<string | null> {
  const path = join(modelDirectory, "router.onnx");
  return stat(path).then((found) => found.isFile() ? path : null, () => null);
}

/** Whether a generation is on the GPU: asked for each of thousands of names, so that the engine's list becomes a set. */
function residencyOf(engine: Engine): (generation: string) => boolean {
  let known: readonly string[] = [];
  let resident = new Set<string>();
  return (generation) => {
    const { residentAdapters } = engine.stats();
    if (residentAdapters !== known) {
      known = residentAdapters;
      resident = new Set(known);
    }
    return resident.has(generation);
  };
}

/** On the terminal where there is one, else in the log. */
function consoleProgress(label: string, logger: Logger): Progress {
  const encoder = new TextEncoder();
  return progressOf(label, {
    isTerminal: Deno.stderr.isTerminal(),
    write: (text) => Deno.stderr.writeSync(encoder.encode(text)),
    log: (done, total) =>
      logger.log("info", "progress", { of: label, done_bytes: done, total_bytes: total }),
    now: () => performance.now(),
  });
}

/** Remembers what `make` made for each label. */
function perLabel<T>(make: (label: string) => T): (label: string) => T {
  const made = new Map<string, T>();
  return (label) => {
    if (!made.has(label)) made.set(label, make(label));
    return made.get(label)!;
  };
}

/** Serves as `args` and the environment say, on an engine of that thread; returns the exit code. */
export async function main(args: string[], thread: Worker): Promise<number> {
  let command;
  try {
    command = readConfig(args, (name) => Deno.env.get(name));
  } catch (error) {
    console.error(`weft: ${messageOf(error)}`);
    return 2;
  }
  if (command.kind === "print") {
    console.log(command.text);
    return 0;
  }
  try {
    return await run(command.config, thread);
  } catch (error) {
    console.error(`weft: ${messageOf(error)}`);
    return 1;
  }
}

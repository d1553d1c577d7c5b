/** Starts the server: reads the configuration, makes the parts, wires them, serves until told to stop. */
import { AdapterStore, directoryCatalogue } from "./adapters/mod.ts";
import { type Config, readConfig, VERSION } from "./config.ts";
import type { Engine } from "./engine/core/engine.ts";
import { messageOf, WeftError } from "./engine/core/errors.ts";
import { loadTokenizer, resolveModel, startEngine } from "./engine/mod.ts";
import {
  banner,
  createApp,
  createLogger,
  createMetrics,
  Lifecycle,
  type Logger,
  MAX_BODY_BYTES,
  type Progress,
  progressOf,
  serve,
  stopOnSignals,
} from "./routes/mod.ts";

/** Downloaded models; the one place `deno task start` may write to. */
const MODEL_CACHE = ".weft/models";

async function run(config: Config): Promise<number> {
  const logger = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    write: (line) => console.error(line),
  });
  const downloading = perLabel((file) => consoleProgress(file, logger));
  const loading = consoleProgress("weights", logger);
  const modelDirectory = await resolveModel(config.model, {
    cacheDir: MODEL_CACHE,
    token: config.hfToken ?? undefined,
    endpoint: config.hfEndpoint ?? undefined,
    onProgress: ({ file, doneBytes, totalBytes }) => downloading(file)(doneBytes, totalBytes),
  });
  const tokenizing = loadTokenizer(modelDirectory);
  // Awaited later; should the engine fail first, this one's failure is not the news.
  tokenizing.catch(() => {});
  const engine = await startEngine({
    modelDirectory,
    dtype: config.dtype,
    maxBatch: config.maxBatch ?? undefined,
    maxModelLen: config.maxModelLen ?? undefined,
    gpuMemoryBytes: config.gpuMemoryBytes ?? undefined,
    kvMemoryBytes: config.kvMemoryBytes ?? undefined,
    maxAdapters: config.maxAdapters ?? undefined,
    maxLoraRank: config.maxLoraRank ?? undefined,
    maxQueuedRequests: config.maxQueuedRequests,
    maxQueuedTokens: config.maxQueuedTokens,
    // Called only by requests, and so only once there is a store.
    loadAdapter: (generation) => adapters.weightsOf(generation),
    onProgress: ({ loadedBytes, totalBytes }) => loading(loadedBytes, totalBytes),
  });
  const adapters = await openStore(config, engine);
  refuseTakenNames(adapters, config.servedModelName);
  const tokenizer = await tokenizing;
  const lifecycle = new Lifecycle();
  const app = createApp({
    engine,
    tokenizer,
    adapters,
    settings: {
      modelName: config.servedModelName,
      modelSource: config.model,
      apiKeys: config.apiKeys,
      corsOrigins: config.corsOrigins,
      maxBodyBytes: MAX_BODY_BYTES,
    },
    lifecycle,
    metrics: createMetrics({ stats: () => engine.stats(), lifecycle, version: VERSION }),
    logger,
    clock: { now: () => performance.now(), epochSeconds: () => Math.floor(Date.now() / 1000) },
  });
  const code = await serve({
    fetch: (request) => app.fetch(request),
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
        url,
        locked: config.apiKeys.length > 0,
      })),
  });
  tokenizer.close();
  await engine.close();
  return code;
}

function openStore(config: Config, engine: Engine): Promise<AdapterStore> {
  const maxBytes = config.adapterMemoryBytes;
  return AdapterStore.open({
    catalogues: config.adapters.map((path) =>
      directoryCatalogue(path, { maxWeightBytes: maxBytes })
    ),
    model: engine.info.model,
    maxRank: engine.info.maxLoraRank,
    maxBytes,
  });
}

/** A name in `model` must mean one thing. */
function refuseTakenNames(adapters: AdapterStore, modelName: string): void {
  for (const taken of [modelName, "auto"]) {
    if (!adapters.get(taken)) continue;
    throw new WeftError(
      "bad_adapter",
      `Cannot serve the adapter "${taken}": the name means the ${
        taken === modelName ? "base" : "router"
      }; rename its folder${taken === modelName ? " or choose another --served-model-name" : ""}`,
    );
  }
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

async function main(): Promise<number> {
  let command;
  try {
    command = readConfig(Deno.args, (name) => Deno.env.get(name));
  } catch (error) {
    console.error(`weft: ${messageOf(error)}`);
    return 2;
  }
  if (command.kind === "print") {
    console.log(command.text);
    return 0;
  }
  try {
    return await run(command.config);
  } catch (error) {
    console.error(`weft: ${messageOf(error)}`);
    return 1;
  }
}

if (import.meta.main) Deno.exit(await main());

/** Starts the server: reads the configuration, makes the parts, wires them, serves until told to stop. */
import { AdapterStore, directoryCatalogue } from "./adapters/mod.ts";
import { banner } from "./banner.ts";
import { type Config, readConfig, VERSION } from "./config.ts";
import { messageOf } from "./engine/core/errors.ts";
import type { ModelConfig } from "./engine/core/model_config.ts";
import {
  DEFAULT_MAX_LORA_RANK,
  loadTokenizer,
  readModelConfig,
  resolveModel,
  startEngine,
} from "./engine/mod.ts";
import {
  type AdapterCatalog,
  createApp,
  createLogger,
  createMetrics,
  Lifecycle,
  type Logger,
  MAX_BODY_BYTES,
} from "./routes/mod.ts";
import { serve } from "./server.ts";
import { stopOnSignals } from "./signals.ts";

/** Downloaded models; the one place `deno task start` may write to. */
const MODEL_CACHE = ".weft/models";
/** The weights file of one adapter, at most. */
const MAX_ADAPTER_BYTES = 2 ** 30;
/** Host memory for adapters' tensors. */
const ADAPTER_MEMORY_BYTES = 2 ** 30;

async function run(config: Config): Promise<number> {
  const logger = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    write: (line) => console.error(line),
  });
  const modelDirectory = await resolveModel(config.model, {
    cacheDir: MODEL_CACHE,
    token: config.hfToken ?? undefined,
    endpoint: config.hfEndpoint ?? undefined,
    onProgress: everySecond(({ file, doneBytes, totalBytes }) =>
      logger.log("info", "download", { file, done_bytes: doneBytes, total_bytes: totalBytes })
    ),
  });
  const store = await openStore(config, await readModelConfig(modelDirectory));
  const [tokenizer, engine] = await Promise.all([
    loadTokenizer(modelDirectory),
    startEngineOf(config, { modelDirectory, store, logger }),
  ]);
  const lifecycle = new Lifecycle();
  const adapters = catalogOf(store);
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

function startEngineOf(
  config: Config,
  parts: { modelDirectory: string; store: AdapterStore; logger: Logger },
) {
  const { modelDirectory, store, logger } = parts;
  return startEngine({
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
    loadAdapter: (generation) => store.weightsOf(generation),
    onProgress: everySecond(({ loadedBytes, totalBytes }) =>
      logger.log("info", "load", { loaded_bytes: loadedBytes, total_bytes: totalBytes })
    ),
  });
}

function openStore(config: Config, model: ModelConfig): Promise<AdapterStore> {
  return AdapterStore.open({
    catalogues: config.adapters.map((path) =>
      directoryCatalogue(path, { maxWeightBytes: MAX_ADAPTER_BYTES })
    ),
    model,
    maxRank: config.maxLoraRank ?? DEFAULT_MAX_LORA_RANK,
    maxBytes: ADAPTER_MEMORY_BYTES,
  });
}

/** The store as the routes see it. */
function catalogOf(store: AdapterStore): AdapterCatalog {
  const created = Math.floor(Date.now() / 1000);
  const entry = ({ name, location }: { name: string; location: string }) => (
    { name, source: location, created }
  );
  return {
    list: () => store.list().map(entry),
    get: (name) => {
      const found = store.get(name);
      return found && entry(found);
    },
    acquire: (name, signal) => store.acquire(name, signal),
  };
}

/** Passes on a report of progress at most once a second. */
function everySecond<T>(report: (progress: T) => void): (progress: T) => void {
  let last = performance.now();
  return (progress) => {
    if (performance.now() - last < 1000) return;
    last = performance.now();
    report(progress);
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

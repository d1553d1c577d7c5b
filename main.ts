/** Starts the server: reads the configuration, makes the parts, wires them, serves until told to stop. */
import { banner } from "./banner.ts";
import { type Config, readConfig, VERSION } from "./config.ts";
import type { AdapterWeights } from "./engine/core/adapter_weights.ts";
import type { Engine } from "./engine/core/engine.ts";
import type { ModelConfig } from "./engine/core/model_config.ts";
import { messageOf } from "./engine/core/errors.ts";
import {
  type AdapterCatalog,
  createApp,
  createLogger,
  createMetrics,
  Lifecycle,
  type LogFields,
  type LogLevel,
  MAX_BODY_BYTES,
  type TextTokenizer,
} from "./routes/mod.ts";
import { serve } from "./server.ts";
import { stopOnSignals } from "./signals.ts";

// TODO(merge): these come from engine/mod.ts, engine/tokenizer/mod.ts and adapters/mod.ts.
interface EngineOptions {
  modelDirectory: string;
  dtype: Config["dtype"];
  maxBatch: number | null;
  maxModelLen: number | null;
  kvMemoryBytes: number | null;
  maxAdapters: number | null;
  maxLoraRank: number | null;
  maxQueuedRequests: number;
  maxQueuedTokens: number;
  loadAdapter: (generation: string) => Promise<AdapterWeights>;
  log: (level: LogLevel, event: string, fields?: LogFields) => void;
}
interface StoreOptions {
  catalogues: readonly unknown[];
  model: ModelConfig;
  maxRank: number;
  maxBytes: number;
}
type Store = AdapterCatalog & { weightsOf(generation: string): Promise<AdapterWeights> };
declare function startEngine(options: EngineOptions): Promise<Engine>;
declare function loadTokenizer(directory: string): Promise<TextTokenizer & { close(): void }>;
declare function directoryCatalogue(path: string, options: { maxWeightBytes: number }): unknown;
declare const AdapterStore: { open(options: StoreOptions): Promise<Store> };

async function run(config: Config): Promise<number> {
  const logger = createLogger({
    level: config.logLevel,
    format: config.logFormat,
    write: (line) => console.error(line),
  });
  const tokenizing = loadTokenizer(config.model);
  // Awaited later; should the engine fail first, this one's failure is not the news.
  tokenizing.catch(() => {});
  const engine = await startEngine({
    modelDirectory: config.model,
    dtype: config.dtype,
    maxBatch: config.maxBatch,
    maxModelLen: config.maxModelLen,
    kvMemoryBytes: config.kvMemoryBytes,
    maxAdapters: config.maxAdapters,
    maxLoraRank: config.maxLoraRank,
    maxQueuedRequests: config.maxQueuedRequests,
    maxQueuedTokens: config.maxQueuedTokens,
    // Called only by requests, and so only once there is a store.
    loadAdapter: (generation) => adapters.weightsOf(generation),
    log: (level, event, fields) => logger.log(level, event, fields),
  });
  const maxBytes = config.adapterMemoryBytes;
  const adapters: Store = await AdapterStore.open({
    catalogues: config.adapters.map((path) =>
      directoryCatalogue(path, { maxWeightBytes: maxBytes })
    ),
    model: engine.info.model,
    maxRank: engine.info.maxLoraRank,
    maxBytes,
  });
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
  if (code === 0) await engine.close();
  return code;
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

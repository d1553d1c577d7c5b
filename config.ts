/** The one reader of flags and of `WEFT_*` variables. A flag wins over its variable. */
import {
  DEMO_ADAPTERS,
  DEMO_MODEL,
  DTYPES,
  helpText,
  parseFlags,
  QUANTIZATIONS,
  Settings,
} from "./config_flags.ts";
import { apiKey, byteSize, integer, oneOf, origin, text } from "./config_values.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "./routes/mod.ts";

export const VERSION = "0.1.0";

/** Everything that can be set. A null leaves the choice to the engine, by the device's memory. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** A Hugging Face directory, or `hf://owner/name[@revision]`. */
  readonly model: string;
  /** The base model's name in the API. */
  readonly servedModelName: string;
  /** Directories or URL prefixes with a PEFT adapter in each of their folders. */
  readonly adapters: readonly string[];
  /** The router's path or URL, or "none"; null is the model's own. */
  readonly router: string | null;
  /** Object that names a fleet's adapters. */
  readonly adapterManifest: string | null;
  readonly adapterRefreshSeconds: number;
  readonly adapterDiskBytes: number;
  /** The largest download of one adapter. */
  readonly adapterMaxDownloadBytes: number;
  /** Time for one download. */
  readonly adapterTimeoutSeconds: number;
  readonly adapterFetches: number;
  /** Bytes a second of all downloads together; null is no bound. */
  readonly adapterBandwidth: number | null;
  /** Directories below which `file://` URLs may point. */
  readonly adapterRoots: readonly string[];
  readonly allowedAdapterHosts: readonly string[];
  /** Networks, beyond the public ones, that adapter hosts may resolve into. */
  readonly allowedAdapterNetworks: readonly string[];
  readonly allowInsecureLoopback: boolean;
  readonly allowRequestUrls: boolean;
  /** For `/v1/adapters` and `/v1/router`; without one these answer on loopback only. */
  readonly adminToken: string | null;
  /** JSON with buckets' endpoints and credentials. */
  readonly objectStorage: string | null;
  /** Where this server keeps downloads and its registry. */
  readonly stateDir: string;
  readonly apiKeys: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly dtype: typeof DTYPES[number];
  readonly quantize: typeof QUANTIZATIONS[number];
  /** Measure the kernels' variants at the start, and remember. */
  readonly tune: boolean;
  /** Null: what the device gives. */
  readonly gpuMemoryBytes: number | null;
  readonly kvMemoryBytes: number | null;
  readonly maxBatch: number | null;
  readonly maxModelLen: number | null;
  readonly maxAdapters: number | null;
  readonly maxLoraRank: number | null;
  /** Host memory for adapters' tensors, whether or not they are on the GPU. */
  readonly adapterMemoryBytes: number;
  readonly maxQueuedRequests: number;
  readonly maxQueuedTokens: number;
  readonly drainSeconds: number;
  /** For private and gated `hf://` models. */
  readonly hfToken: string | null;
  readonly hfEndpoint: string | null;
  readonly logLevel: LogLevel;
  readonly logFormat: LogFormat;
}

/** What the command line asks for. */
export type Command =
  | { kind: "serve"; config: Config }
  | { kind: "print"; text: string };

/**
 * Reads flags and variables. `env` looks a variable up.
 * @throws WeftError `invalid_request` that names the flag or variable and says what is allowed
 */
export function readConfig(
  args: readonly string[],
  env: (name: string) => string | undefined,
): Command {
  const given = parseFlags(args);
  if (given.has("help")) return { kind: "print", text: helpText() };
  if (given.has("version")) return { kind: "print", text: `weft ${VERSION}` };
  return { kind: "serve", config: buildConfig(new Settings(given, env)) };
}

function buildConfig(settings: Settings): Config {
  const model = settings.one("model", text, DEMO_MODEL);
  return Object.freeze({
    host: settings.one("host", text, "127.0.0.1"),
    port: settings.one("port", integer(0, 65_535), 8000),
    model,
    servedModelName: settings.one("served-model-name", text, nameOf(model)),
    adapters: settings.many("adapters", text, model === DEMO_MODEL ? [DEMO_ADAPTERS] : []),
    router: settings.one("router", text, null),
    adapterManifest: settings.one("adapter-manifest", text, null),
    adapterRefreshSeconds: settings.one("adapter-refresh", integer(1, 86_400), 60),
    adapterDiskBytes: settings.one("adapter-disk", byteSize, 10 * 2 ** 30),
    adapterMaxDownloadBytes: settings.one("adapter-max-download", byteSize, 2 * 2 ** 30),
    adapterTimeoutSeconds: settings.one("adapter-timeout", integer(1, 86_400), 600),
    adapterFetches: settings.one("adapter-fetches", integer(1, 64), 4),
    adapterBandwidth: settings.one("adapter-bandwidth", byteSize, null),
    adapterRoots: settings.many("adapter-root", text, []),
    allowedAdapterHosts: settings.many("allow-adapter-host", text, []),
    allowedAdapterNetworks: settings.many("allow-adapter-network", text, []),
    allowInsecureLoopback: settings.isOn("allow-insecure-loopback"),
    allowRequestUrls: settings.isOn("allow-request-urls"),
    adminToken: settings.one("admin-token", apiKey, null),
    objectStorage: settings.one("object-storage", text, null),
    stateDir: settings.one("state-dir", text, ".weft"),
    apiKeys: settings.many("api-key", apiKey, []),
    corsOrigins: settings.many("cors-origin", origin, []),
    dtype: settings.one("dtype", oneOf(DTYPES), "auto"),
    quantize: settings.one("quantize", oneOf(QUANTIZATIONS), "none"),
    tune: settings.isOn("tune"),
    gpuMemoryBytes: settings.one("gpu-memory", byteSize, null),
    kvMemoryBytes: settings.one("kv-memory", byteSize, null),
    maxBatch: settings.one("max-batch", integer(1, 1024), null),
    maxModelLen: settings.one("max-model-len", integer(16, 1_048_576), null),
    maxAdapters: settings.one("max-adapters", integer(1, 65_536), null),
    maxLoraRank: settings.one("max-lora-rank", integer(1, 1024), null),
    adapterMemoryBytes: settings.one("adapter-memory", byteSize, 2 * 2 ** 30),
    maxQueuedRequests: settings.one("max-queued-requests", integer(1, 1_000_000), 256),
    maxQueuedTokens: settings.one("max-queued-tokens", integer(1, 1_000_000_000), 262_144),
    drainSeconds: settings.one("drain-seconds", integer(0, 3600), 30),
    hfToken: settings.one("hf-token", apiKey, null),
    hfEndpoint: settings.one("hf-endpoint", origin, null),
    logLevel: settings.one("log-level", oneOf(LOG_LEVELS), "info"),
    logFormat: settings.one("log-format", oneOf(LOG_FORMATS), "json"),
  });
}

/** `hf://owner/name@revision` → `owner/name`; a path → its last part. */
function nameOf(model: string): string {
  if (model.startsWith("hf://")) return model.slice("hf://".length).split("@")[0];
  return model.split(/[\\/]/).filter((part) => part !== "" && part !== ".").at(-1) ?? model;
}

/** The one reader of flags and of `WEFT_*` variables. A flag wins over its variable. */
import { parseArgs } from "node:util";
import { apiKey, byteSize, integer, type Kind, oneOf, origin, text } from "./config_values.ts";
import { messageOf, WeftError } from "./engine/core/errors.ts";
import { LOG_FORMATS, LOG_LEVELS, type LogFormat, type LogLevel } from "./routes/mod.ts";

export const VERSION = "0.1.0";

const DEMO_MODEL = "models/demo";
const DEMO_ADAPTERS = "models/demo/adapters";

/** `auto` takes f16 where the device has it. */
export const DTYPES = ["auto", "f16", "f32"] as const;

/** Everything that can be set. A null leaves the choice to the engine, by the device's memory. */
export interface Config {
  readonly host: string;
  readonly port: number;
  /** A Hugging Face directory, or `hf://owner/name[@revision]`. */
  readonly model: string;
  /** The base model's name in the API. */
  readonly servedModelName: string;
  /** Directories with a PEFT adapter in each of their folders. */
  readonly adapters: readonly string[];
  readonly apiKeys: readonly string[];
  readonly corsOrigins: readonly string[];
  readonly dtype: typeof DTYPES[number];
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

/** A flag: how it is shown, where else it is read from, and what it means. */
interface Flag {
  value?: string;
  help: string;
  /** May be given several times; its variable holds a comma-separated list. */
  multiple?: boolean;
  short?: string;
  /** A variable beside `WEFT_…`, asked last. */
  alsoFrom?: string;
}

const FLAGS = {
  host: { value: "ADDRESS", help: "address to listen on (127.0.0.1)" },
  port: { value: "PORT", help: "port to listen on (8000); 0 takes a free one", alsoFrom: "PORT" },
  model: { value: "PATH", help: `model directory or hf://owner/name[@revision] (${DEMO_MODEL})` },
  "served-model-name": { value: "NAME", help: "the base's name in the API (from --model)" },
  adapters: {
    value: "DIRECTORY",
    help: `folder of PEFT adapters (${DEMO_ADAPTERS} for the demo model); repeatable`,
    multiple: true,
  },
  "api-key": { value: "KEY", help: "accepted bearer key (none: open); repeatable", multiple: true },
  "cors-origin": {
    value: "ORIGIN",
    help: "origin that browsers may call from (none); repeatable",
    multiple: true,
  },
  dtype: { value: "TYPE", help: `weights on the GPU: ${DTYPES.join(", ")} (auto)` },
  "gpu-memory": { value: "SIZE", help: "stay within this on the GPU (what it gives, less 10 %)" },
  "kv-memory": { value: "SIZE", help: "KV cache, such as 512MiB or 2GB (by the device)" },
  "max-batch": { value: "ROWS", help: "sequences that run at once (by the device)" },
  "max-model-len": { value: "TOKENS", help: "context length (the model's, by the device)" },
  "max-adapters": { value: "COUNT", help: "adapters on the GPU at once (by the device)" },
  "max-lora-rank": { value: "RANK", help: "largest rank of an adapter (64)" },
  "adapter-memory": { value: "SIZE", help: "host memory for adapters (2GiB)" },
  "max-queued-requests": { value: "COUNT", help: "requests that may wait (256)" },
  "max-queued-tokens": { value: "TOKENS", help: "prompt tokens that may wait (262144)" },
  "drain-seconds": { value: "SECONDS", help: "time for running answers at shutdown (30)" },
  "hf-token": { value: "TOKEN", help: "for private hf:// models", alsoFrom: "HF_TOKEN" },
  "hf-endpoint": {
    value: "URL",
    help: "the hub that hf:// means (https://huggingface.co)",
    alsoFrom: "HF_ENDPOINT",
  },
  "log-level": { value: "LEVEL", help: `${LOG_LEVELS.join(", ")} (info)` },
  "log-format": { value: "FORMAT", help: `${LOG_FORMATS.join(", ")} (json)` },
  help: { help: "show this text", short: "h" },
  version: { help: "show the version", short: "v" },
} as const satisfies Record<string, Flag>;

type FlagName = keyof typeof FLAGS;

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
    apiKeys: settings.many("api-key", apiKey, []),
    corsOrigins: settings.many("cors-origin", origin, []),
    dtype: settings.one("dtype", oneOf(DTYPES), "auto"),
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

/** What was given on the command line: flag name → its values. */
type GivenFlags = ReadonlyMap<string, readonly string[]>;

function parseFlags(args: readonly string[]): GivenFlags {
  const options = Object.fromEntries(
    Object.entries<Flag>(FLAGS).map(([name, { value, short }]) => [name, {
      type: value === undefined ? "boolean" as const : "string" as const,
      multiple: true as const,
      ...(short === undefined ? {} : { short }),
    }]),
  );
  try {
    const { values } = parseArgs({ args: [...args], options, strict: true });
    return new Map(
      Object.entries(values).map(([name, value]) => [name, (value as unknown[]).map(String)]),
    );
  } catch (cause) {
    throw new WeftError(
      "invalid_request",
      `${messageOf(cause).split(". To specify")[0]}; --help lists the flags`,
      { cause },
    );
  }
}

/** Flags over variables over defaults. */
class Settings {
  readonly #given: GivenFlags;
  readonly #env: (name: string) => string | undefined;

  constructor(given: GivenFlags, env: (name: string) => string | undefined) {
    this.#given = given;
    this.#env = env;
  }

  one<T, D>(name: FlagName, kind: Kind<T>, fallback: D): T | D {
    const found = this.#find(name);
    if (found === null) return fallback;
    if (found.values.length > 1) {
      throw new WeftError(
        "invalid_request",
        `Cannot use ${found.source} ${found.values.length} times: it takes one value`,
      );
    }
    return readValue(found.values[0], { source: found.source, kind });
  }

  many<T>(name: FlagName, kind: Kind<T>, fallback: readonly T[]): readonly T[] {
    const found = this.#find(name);
    if (found === null) return Object.freeze([...fallback]);
    const { source, values } = found;
    return Object.freeze(values.map((value) => readValue(value, { source, kind })));
  }

  #find(name: FlagName): { source: string; values: readonly string[] } | null {
    const values = this.#given.get(name);
    if (values !== undefined) return { source: `--${name}`, values };
    const { multiple, alsoFrom }: Flag = FLAGS[name];
    for (const source of [variableOf(name), ...(alsoFrom === undefined ? [] : [alsoFrom])]) {
      const value = this.#env(source);
      // An empty variable is how shells and compose files leave one unset.
      if (value === undefined || value === "") continue;
      const values = multiple ? value.split(",").map((part) => part.trim()) : [value];
      return { source, values };
    }
    return null;
  }
}

function readValue<T>(value: string, { source, kind }: { source: string; kind: Kind<T> }): T {
  const read = kind.read(value);
  if (read !== undefined) return read;
  throw new WeftError(
    "invalid_request",
    `Invalid value${kind.secret ? "" : ` "${value}"`} for ${source}: expected ${kind.expected}`,
  );
}

function variableOf(name: FlagName): string {
  return `WEFT_${name.toUpperCase().replaceAll("-", "_")}`;
}

/** `hf://owner/name@revision` → `owner/name`; a path → its last part. */
function nameOf(model: string): string {
  if (model.startsWith("hf://")) return model.slice("hf://".length).split("@")[0];
  return model.split(/[\\/]/).filter((part) => part !== "" && part !== ".").at(-1) ?? model;
}

function helpText(): string {
  const rows = Object.entries<Flag>(FLAGS).map(([name, { value, help, short }]) => {
    const flag = `${short === undefined ? "" : `-${short}, `}--${name}`;
    return `  ${(value === undefined ? flag : `${flag} ${value}`).padEnd(30)} ${help}`;
  });
  return [
    "Weft serves one language model and many LoRA adapters from one GPU.",
    "",
    "Usage: deno task start [flags]",
    "",
    ...rows,
    "",
    "Each flag can be set by a variable: --max-batch by WEFT_MAX_BATCH; lists with commas.",
    "PORT is honoured where neither --port nor WEFT_PORT is given.",
  ].join("\n");
}

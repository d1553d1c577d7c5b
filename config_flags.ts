/** The flags: how each is shown, where else it is read from, and what `--help` says. */
import { parseArgs } from "node:util";
import { type Kind, onOrOff } from "./config_values.ts";
import { messageOf, WeftError } from "./engine/core/errors.ts";
import { LOG_FORMATS, LOG_LEVELS } from "./routes/mod.ts";

export const DEMO_MODEL = "models/demo";
export const DEMO_ADAPTERS = "models/demo/adapters";

/** `auto` takes f16 where the device has it. */
export const DTYPES = ["auto", "f16", "f32"] as const;

/** `none` stores the base model's matrices in the dtype. */
export const QUANTIZATIONS = ["none", "int8", "int4"] as const;

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
    value: "PLACE",
    help: `folder or s3://, gs://, az://, hf:// prefix of adapters (the demo's); repeatable`,
    multiple: true,
  },
  router: { value: "PLACE", help: "router's path or URL, or none (the model's router.onnx)" },
  "adapter-manifest": { value: "URL", help: "object that names a fleet's adapters (none)" },
  "adapter-refresh": { value: "SECONDS", help: "time between looks at origins (60)" },
  "adapter-disk": { value: "SIZE", help: "disk cache of fetched adapters (10GiB)" },
  "adapter-max-download": { value: "SIZE", help: "largest download of one adapter (2GiB)" },
  "adapter-timeout": { value: "SECONDS", help: "time for one download (600)" },
  "adapter-fetches": { value: "COUNT", help: "downloads at once (4)" },
  "adapter-bandwidth": {
    value: "SIZE",
    help: "download at most so many bytes a second (no limit)",
  },
  "adapter-root": {
    value: "DIRECTORY",
    help: "file:// URLs may name adapters below it (none); repeatable",
    multiple: true,
  },
  "allow-adapter-host": {
    value: "HOST[:PORT]",
    help: "adapters may come from there, *.example.org too (none); repeatable",
    multiple: true,
  },
  "allow-adapter-network": {
    value: "CIDR",
    help: "adapter hosts may resolve into this private network (none); repeatable",
    multiple: true,
  },
  "allow-insecure-loopback": { help: "adapters may come by http from this machine" },
  "allow-request-urls": { help: "requests with the admin token may name adapters by URL" },
  "admin-token": {
    value: "TOKEN",
    help: "bearer token of admins (without one: this machine only)",
  },
  "object-storage": { value: "FILE", help: "JSON with buckets' endpoints and credentials (none)" },
  "state-dir": { value: "DIRECTORY", help: "downloads and the registry of adapters (.weft)" },
  "api-key": { value: "KEY", help: "accepted bearer key (none: open); repeatable", multiple: true },
  "cors-origin": {
    value: "ORIGIN",
    help: "origin that browsers may call from (none); repeatable",
    multiple: true,
  },
  dtype: { value: "TYPE", help: `weights and KV cache on the GPU: ${DTYPES.join(", ")} (auto)` },
  quantize: {
    value: "FORMAT",
    help: `the base model's matrices on the GPU: ${QUANTIZATIONS.join(", ")} (none)`,
  },
  tune: { help: "measure which kernels are fastest for this model here, and remember" },
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

/** What was given on the command line: flag name → its values. */
type GivenFlags = ReadonlyMap<string, readonly string[]>;

export function parseFlags(args: readonly string[]): GivenFlags {
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
export class Settings {
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

  /** Whether a flag without a value is given; its variable is 1 or 0, true or false. */
  isOn(name: FlagName): boolean {
    return this.one(name, onOrOff, false);
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

export function helpText(): string {
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

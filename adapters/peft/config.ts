import { messageOf } from "../../engine/core/errors.ts";
import { parseStrictJson } from "../../engine/core/json_strict.ts";
import { quote, refuse } from "./refuse.ts";
import { refuseUnsupported } from "./unsupported.ts";

export const MAX_CONFIG_BYTES = 1_000_000;
/** Enough to give every projection of a 290-layer model its own rank. */
const MAX_PATTERNS = 2048;

/** Modules by name: each name stands for itself and for every module that ends with it after a dot. */
export interface NameList {
  kind: "names";
  names: ReadonlySet<string>;
}

/** Modules whose whole name matches a Python regular expression. */
export interface NamePattern {
  kind: "pattern";
  source: string;
}

/** Every linear layer but the head. */
export interface AllLinear {
  kind: "all-linear";
}

/** The layers a name list is limited to. */
export interface LayerSelection {
  indexes: ReadonlySet<number>;
  /** What precedes the index in a module's name; empty for anything. */
  patterns: readonly string[];
}

/** What `adapter_config.json` says, defaults filled in as PEFT does. */
export interface PeftConfig {
  rank: number;
  alpha: number;
  /** Scale by α/√r instead of α/r. */
  rsLora: boolean;
  /** In order: the first key that matches a module's name wins. */
  rankPattern: ReadonlyMap<string, number>;
  alphaPattern: ReadonlyMap<string, number>;
  targets: NameList | NamePattern | AllLinear;
  exclude: NameList | NamePattern | undefined;
  layers: LayerSelection | undefined;
}

/** PEFT's default for Llama, Mistral, Qwen2 and Qwen3. */
const DEFAULT_TARGETS = ["q_proj", "v_proj"];

/**
 * Reads PEFT's `adapter_config.json`. Unknown keys are ignored unless they look like a LoRA variant.
 *
 * @throws {WeftError} `bad_adapter` when it is no valid configuration of a plain LoRA.
 */
export function parsePeftConfig(bytes: Uint8Array): PeftConfig {
  const config = parseObject(bytes);
  refuseUnsupported(config);
  const targets = parseTargets(config.target_modules ?? DEFAULT_TARGETS);
  return {
    rank: parseRank(config.r ?? 8, "r"),
    alpha: parseAlpha(config.lora_alpha ?? 8, "lora_alpha"),
    rsLora: parseBoolean(config.use_rslora ?? false, "use_rslora"),
    rankPattern: parsePatterns(config.rank_pattern, { key: "rank_pattern", parse: parseRank }),
    alphaPattern: parsePatterns(config.alpha_pattern, { key: "alpha_pattern", parse: parseAlpha }),
    targets,
    exclude: parseExclude(config.exclude_modules),
    layers: parseLayers(config, targets),
  };
}

/** The configured target modules in a form for people and programs. */
export function describeTargets(targets: PeftConfig["targets"]): string[] {
  switch (targets.kind) {
    case "names":
      return [...targets.names].sort();
    case "pattern":
      return [targets.source];
    case "all-linear":
      return ["all-linear"];
  }
}

function parseObject(bytes: Uint8Array): Record<string, unknown> {
  if (bytes.byteLength > MAX_CONFIG_BYTES) {
    throw refuse(
      `adapter_config.json has ${bytes.byteLength} bytes; at most ${MAX_CONFIG_BYTES} are allowed`,
    );
  }
  let value: unknown;
  try {
    value = parseStrictJson(
      new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes),
    );
  } catch (error) {
    throw refuse(`adapter_config.json is not valid JSON: ${messageOf(error)}`);
  }
  if (!isObject(value)) throw refuse(`adapter_config.json is ${quote(value)}, not an object`);
  return value;
}

function parseTargets(value: unknown): PeftConfig["targets"] {
  if (typeof value === "string" && value.toLowerCase() === "all-linear") {
    return { kind: "all-linear" };
  }
  return parseNames(value, "target_modules");
}

function parseExclude(value: unknown): PeftConfig["exclude"] {
  if (value === undefined || value === null || value === "") return undefined;
  return parseNames(value, "exclude_modules");
}

function parseNames(value: unknown, key: string): NameList | NamePattern {
  if (typeof value === "string") return { kind: "pattern", source: value };
  if (isStrings(value)) return { kind: "names", names: new Set(value) };
  throw refuse(`its ${key} is ${quote(value)}; a list of names or a pattern is needed`);
}

function parseLayers(
  config: Readonly<Record<string, unknown>>,
  targets: PeftConfig["targets"],
): LayerSelection | undefined {
  const { layers_to_transform: layers, layers_pattern: pattern } = config;
  const patterns = typeof pattern === "string" ? [pattern] : pattern ?? [];
  if (!isStrings(patterns) || patterns.some((text) => !/^[\w.]*$/.test(text))) {
    throw refuse(`its layers_pattern is ${quote(pattern)}; names such as "layers" are supported`);
  }
  if (layers === undefined || layers === null) {
    if (patterns.length > 0 && pattern !== "") {
      throw refuse("it has layers_pattern without layers_to_transform");
    }
    return undefined;
  }
  const indexes = Array.isArray(layers) ? layers : [layers];
  if (!indexes.every((index) => Number.isSafeInteger(index))) {
    throw refuse(
      `its layers_to_transform is ${quote(layers)}; an integer or a list of integers is needed`,
    );
  }
  if (targets.kind !== "names") {
    throw refuse(
      "it has layers_to_transform, which PEFT allows only with a list of target_modules",
    );
  }
  if (indexes.length === 0) return undefined;
  return { indexes: new Set(indexes), patterns: pattern === "" ? [] : patterns };
}

function parsePatterns(
  value: unknown,
  { key, parse }: { key: string; parse: (value: unknown, key: string) => number },
): ReadonlyMap<string, number> {
  if (value === undefined || value === null) return new Map();
  if (!isObject(value)) throw refuse(`its ${key} is ${quote(value)}; an object is needed`);
  const entries = Object.entries(value);
  if (entries.length > MAX_PATTERNS) {
    throw refuse(`its ${key} has ${entries.length} entries; at most ${MAX_PATTERNS} are allowed`);
  }
  return new Map(
    entries.map(([name, entry]) => [name, parse(entry, `${key}[${quote(name)}]`)]),
  );
}

function parseRank(value: unknown, key: string): number {
  if (!Number.isSafeInteger(value) || (value as number) < 1) {
    throw refuse(`its ${key} is ${quote(value)}; a rank is an integer of 1 or more`);
  }
  return value as number;
}

function parseAlpha(value: unknown, key: string): number {
  if (typeof value !== "number" || !Number.isFinite(value)) {
    throw refuse(`its ${key} is ${quote(value)}; an alpha is a finite number`);
  }
  return value;
}

function parseBoolean(value: unknown, key: string): boolean {
  if (typeof value !== "boolean") {
    throw refuse(`its ${key} is ${quote(value)}; true or false is needed`);
  }
  return value;
}

function isStrings(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

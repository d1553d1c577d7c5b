import type { OnnxModel } from "./onnx_model.ts";
import { quote, refused } from "./refusal.ts";

const MAX_TEXT = 256;
const MAX_CLASSES = 512;
const MAX_TOKENS = 4096;
const MAX_METADATA_CHARS = 8 * 1024 * 1024;

/** What a router file says about itself in its `weft.*` metadata. */
export interface RouterMetadata {
  /** Adapter names, one a class. */
  labels: string[];
  /** Logits are divided by it. */
  temperature: number;
  minConfidence: number;
  topP: number;
  /** Only the last so many tokens are seen. */
  maxTokens: number;
  /** `vocabularyHash` of the tokenizer it was trained with. */
  tokenizer: string;
  version: string;
  /** `weft.references` as it stands; `decodeReferences` reads it. */
  references?: string;
}

/** @throws WeftError `bad_adapter`, reason `bad_router`, for what is missing or out of range */
export function readMetadata(model: OnnxModel): RouterMetadata {
  const metadata = collect(model);
  const format = required(metadata, "format");
  if (format !== "router/1") throw refused(`weft.format is ${quote(format)}, not "router/1"`);
  const labels = readLabels(required(metadata, "labels"));
  const tokenizer = required(metadata, "tokenizer");
  if (!/^[0-9a-f]{64}$/.test(tokenizer)) {
    throw refused(`weft.tokenizer is ${quote(tokenizer)}, not 64 lower-case hex digits`);
  }
  const version = required(metadata, "version");
  if (version.length > MAX_TEXT) {
    throw refused(`weft.version has ${version.length} characters; at most ${MAX_TEXT} are allowed`);
  }
  const references = metadata.get("weft.references");
  return {
    labels,
    temperature: numberOf(metadata, "temperature", { min: 1e-3, max: 1e3 }),
    minConfidence: numberOf(metadata, "min_confidence", { min: 0, max: 1 }),
    topP: numberOf(metadata, "top_p", { min: 0, max: 1 }),
    maxTokens: numberOf(metadata, "max_tokens", { min: 1, max: MAX_TOKENS, integer: true }),
    tokenizer,
    version,
    ...(references === undefined ? {} : { references }),
  };
}

function collect(model: OnnxModel): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of model.metadata) {
    if (!key.startsWith("weft.")) continue;
    if (found.has(key)) throw refused(`metadata ${quote(key)} is given twice`);
    if (value.length > MAX_METADATA_CHARS) throw refused(`metadata ${quote(key)} is too long`);
    found.set(key, value);
  }
  return found;
}

function required(metadata: Map<string, string>, name: string): string {
  const value = metadata.get(`weft.${name}`);
  if (value === undefined) throw refused(`metadata weft.${name} is missing`);
  return value;
}

function readLabels(text: string): string[] {
  let labels: unknown;
  try {
    labels = JSON.parse(text);
  } catch {
    throw refused(`weft.labels is ${quote(text)}, not a JSON list of adapter names`);
  }
  if (!Array.isArray(labels) || labels.length < 1 || labels.length > MAX_CLASSES) {
    throw refused(`weft.labels must be a JSON list of 1 to ${MAX_CLASSES} adapter names`);
  }
  for (const label of labels) {
    if (typeof label !== "string" || label === "" || label.length > MAX_TEXT) {
      throw refused(`weft.labels holds an entry that is no string of 1 to ${MAX_TEXT} characters`);
    }
  }
  if (new Set(labels).size < labels.length) throw refused("weft.labels names an adapter twice");
  return labels;
}

function numberOf(
  metadata: Map<string, string>,
  name: string,
  range: { min: number; max: number; integer?: boolean },
): number {
  const text = required(metadata, name);
  const value = /^[0-9.eE+-]{1,32}$/.test(text) ? Number(text) : NaN;
  const whole = !range.integer || Number.isInteger(value);
  if (!(value >= range.min && value <= range.max && whole)) {
    const kind = range.integer ? "a whole number" : "a number";
    throw refused(`weft.${name} is ${quote(text)}, not ${kind} from ${range.min} to ${range.max}`);
  }
  return value;
}

import { WeftError } from "../core/errors.ts";
import { type OnnxModel, type OnnxValue, readOnnxModel } from "./onnx_model.ts";

/** What a checked router file says about itself. */
export interface RouterFile {
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
  /** Size of `features`; null without that output. */
  features: number | null;
  inputType: "int32";
  /** `weft.references` as it stands, unread. */
  references?: string;
}

const MAX_FILE_BYTES = 256 * 1024 * 1024;
const MAX_TEXT = 256;
const MAX_CLASSES = 512;
const MAX_FEATURES = 1024;
const MAX_TOKENS = 4096;
const MAX_METADATA_CHARS = 8 * 1024 * 1024;

/**
 * Reads and checks the bytes of an ONNX router file of format "router/1".
 * @throws WeftError `bad_adapter`, reason `bad_router`, at the first deviation
 */
export function readRouterFile(data: Uint8Array): RouterFile {
  if (data.length > MAX_FILE_BYTES) {
    throw refused(`it has ${data.length} bytes; at most ${MAX_FILE_BYTES} are allowed`);
  }
  const model = parse(data);
  const metadata = collectMetadata(model);
  const labels = readLabels(required(metadata, "labels"));
  const format = required(metadata, "format");
  if (format !== "router/1") throw refused(`weft.format is ${quote(format)}, not "router/1"`);
  const tokenizer = required(metadata, "tokenizer");
  if (!/^[0-9a-f]{64}$/.test(tokenizer)) {
    throw refused(`weft.tokenizer is ${quote(tokenizer)}, not 64 lower-case hex digits`);
  }
  const version = required(metadata, "version");
  if (version.length > MAX_TEXT) throw refused(`weft.version is longer than ${MAX_TEXT}`);
  checkInputs(model);
  const features = checkOutputs(model, labels.length);
  const references = metadata.get("weft.references");
  return {
    labels,
    temperature: numberOf(metadata, "temperature", { min: 1e-3, max: 1e3 }),
    minConfidence: numberOf(metadata, "min_confidence", { min: 0, max: 1 }),
    topP: numberOf(metadata, "top_p", { min: 0, max: 1 }),
    maxTokens: numberOf(metadata, "max_tokens", { min: 1, max: MAX_TOKENS, integer: true }),
    tokenizer,
    version,
    features,
    inputType: "int32",
    ...(references === undefined ? {} : { references }),
  };
}

function parse(data: Uint8Array): OnnxModel {
  try {
    return readOnnxModel(data);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new WeftError("bad_adapter", `reading the router file: it is no ONNX model: ${why}`, {
      reason: "bad_router",
      cause,
    });
  }
}

function collectMetadata(model: OnnxModel): Map<string, string> {
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

function checkInputs(model: OnnxModel): void {
  if (model.hasExternalData) throw refused("it keeps weights in another file; embed them");
  for (const domain of model.foreignDomains) {
    throw refused(`it uses operators of domain ${quote(domain)}; only ONNX's own are allowed`);
  }
  const inputs = model.inputs.filter((input) => !model.initializers.has(input.name));
  const names = inputs.map((input) => input.name).sort().join(", ");
  if (names !== "attention_mask, input_ids") {
    throw refused(`its inputs are ${quote(names)}, not input_ids and attention_mask`);
  }
  for (const input of inputs) {
    const dynamic = input.shape.length === 2 && input.shape.every((size) => size === null);
    if (input.elementType !== 6 || !dynamic) {
      throw refused(`input ${input.name} must be int32 [batch, sequence], both axes dynamic`);
    }
  }
}

function checkOutputs(model: OnnxModel, classes: number): number | null {
  const byName = new Map(model.outputs.map((output) => [output.name, output]));
  const names = model.outputs.map((output) => output.name).sort().join(", ");
  if (names !== "logits" && names !== "features, logits") {
    throw refused(`its outputs are ${quote(names)}, not logits and, if wanted, features`);
  }
  const width = widthOf(byName.get("logits")!);
  if (width !== classes) {
    throw refused(`output logits has ${width} classes, but weft.labels ${classes}`);
  }
  const features = byName.get("features");
  if (!features) return null;
  const size = widthOf(features);
  if (size < 1 || size > MAX_FEATURES) {
    throw refused(`output features has size ${size}; 1 to ${MAX_FEATURES} are allowed`);
  }
  return size;
}

function widthOf({ name, elementType, shape }: OnnxValue): number {
  const width = shape[1];
  if (elementType !== 1 || shape.length !== 2 || shape[0] !== null || width === null) {
    throw refused(`output ${name} must be float32 [batch, a fixed size], the batch dynamic`);
  }
  return width;
}

function quote(text: string): string {
  return JSON.stringify(text.length > 80 ? `${text.slice(0, 80)}…` : text);
}

function refused(why: string): WeftError {
  return new WeftError("bad_adapter", `reading the router file: ${why}`, { reason: "bad_router" });
}

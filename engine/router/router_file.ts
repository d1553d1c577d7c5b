import { messageOf } from "../core/errors.ts";
import { checkGraph, type WeightBytes } from "./graph_checks.ts";
import { type OnnxModel, type OnnxValue, readOnnxModel } from "./onnx_model.ts";
import { decodeReferences } from "./references.ts";
import { quote, refused } from "./refusal.ts";
import { readMetadata, type RouterMetadata } from "./router_metadata.ts";

/** A checked router file: what it says about itself, and its sizes. */
export interface RouterFile extends RouterMetadata {
  /** Size of `features`; null without that output. */
  features: number | null;
  weightBytes: WeightBytes;
}

const MAX_FILE_BYTES = 256 * 1024 * 1024;
const MAX_FEATURES = 1024;
const FLOAT32 = 1;
const INT32 = 6;

/**
 * Reads and checks the bytes of an ONNX router file of format "router/1" (docs/ROUTING.md). What
 * passes is of the documented form as far as can be told without running it.
 * @throws WeftError `bad_adapter`, reason `bad_router`, at the first deviation
 */
export function readRouterFile(data: Uint8Array): RouterFile {
  if (data.length > MAX_FILE_BYTES) {
    throw refused(`it has ${data.length} bytes; at most ${MAX_FILE_BYTES} are allowed`);
  }
  const model = parse(data);
  const metadata = readMetadata(model);
  checkInputs(model);
  const classes = metadata.labels.length;
  const features = checkOutputs(model, classes);
  if (metadata.references !== undefined) {
    if (features === null) throw refused("it has weft.references, but no output features");
    decodeReferences(metadata.references, { features, classes });
  }
  return { ...metadata, features, weightBytes: checkGraph(model) };
}

function parse(data: Uint8Array): OnnxModel {
  try {
    return readOnnxModel(data);
  } catch (cause) {
    throw refused(`it is no ONNX model: ${messageOf(cause)}`, cause);
  }
}

function checkInputs(model: OnnxModel): void {
  const constants = new Set(model.initializers.map(({ name }) => name));
  const inputs = model.inputs.filter((input) => !constants.has(input.name));
  const names = inputs.map((input) => input.name).sort().join(", ");
  if (names !== "attention_mask, input_ids") {
    throw refused(`its inputs are ${quote(names)}, not input_ids and attention_mask`);
  }
  for (const { name, elementType, shape } of inputs) {
    const dynamic = shape.length === 2 && shape.every((size) => size === null);
    if (elementType !== INT32 || !dynamic) {
      throw refused(`input ${name} must be int32 [batch, sequence], both axes dynamic`);
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
  if (elementType !== FLOAT32 || shape.length !== 2 || shape[0] !== null || width === null) {
    throw refused(`output ${name} must be float32 [batch, a fixed size], the batch dynamic`);
  }
  return width;
}

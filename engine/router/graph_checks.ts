import type { OnnxModel, OnnxTensor } from "./onnx_model.ts";
import { OPERATORS } from "./operators.ts";
import { quote, refused } from "./refusal.ts";

const MAX_NODES = 1024;
const MAX_RANK = 8;

/** ONNX element types a router's constants may have, with their bytes. */
const ELEMENT_BYTES: ReadonlyMap<number, number> = new Map([
  [1, 4], // float32
  [2, 1], // uint8
  [3, 1], // int8
  [6, 4], // int32
  [7, 8], // int64
  [9, 1], // bool
  [10, 2], // float16
  [11, 8], // float64
]);

/** Bytes that the constants of a graph take on the GPU. */
export interface WeightBytes {
  total: number;
  largest: number;
}

/**
 * Checks what must hold before onnxruntime may see a graph: known operators, every value made once
 * and before it is used (so no cycle), and constants that are in the file at their full size.
 * @throws WeftError `bad_adapter`, reason `bad_router`
 */
export function checkGraph(model: OnnxModel): WeightBytes {
  if (model.hasExtras) {
    throw refused("it holds sparse tensors, functions or training information; none is taken");
  }
  if (model.nodes.length > MAX_NODES) {
    throw refused(`its graph has ${model.nodes.length} nodes; at most ${MAX_NODES} are allowed`);
  }
  checkOperators(model);
  const sizes = [...model.initializers, ...model.nodes.flatMap(({ tensors }) => tensors)]
    .map(sizeOf);
  checkOrder(model);
  return {
    total: sizes.reduce((sum, size) => sum + size, 0),
    largest: sizes.reduce((most, size) => Math.max(most, size), 0),
  };
}

function checkOperators(model: OnnxModel): void {
  for (const { operator, domain, hasGraphs } of model.nodes) {
    if (domain !== "" && domain !== "ai.onnx") {
      throw refused(
        `it uses operator ${quote(operator)} of domain ${quote(domain)}; only ONNX's own are taken`,
      );
    }
    if (!OPERATORS.has(operator)) {
      throw refused(`it uses operator ${quote(operator)}, which a router may not be made of`);
    }
    if (hasGraphs) {
      throw refused(`operator ${quote(operator)} holds a graph or sparse tensor; none is taken`);
    }
  }
}

function sizeOf(tensor: OnnxTensor): number {
  const name = `constant ${quote(tensor.name)}`;
  if (tensor.isElsewhere) throw refused(`${name} is kept in another file; embed it`);
  const width = ELEMENT_BYTES.get(tensor.elementType);
  if (!width) throw refused(`${name} has ONNX element type ${tensor.elementType}, not a number's`);
  if (tensor.dims.length > MAX_RANK) {
    throw refused(`${name} has ${tensor.dims.length} axes; at most ${MAX_RANK} are allowed`);
  }
  if (tensor.dims.includes(0n)) throw refused(`${name} is empty: [${tensor.dims.join(", ")}]`);
  const bytes = tensor.dims.reduce((product, size) => product * size, 1n) * BigInt(width);
  const held = tensor.rawBytes;
  // Kept outside `raw_data`, a value takes at least one byte of the message.
  const fits = held === null
    ? bytes <= BigInt(tensor.messageBytes * width)
    : bytes === BigInt(held);
  if (!fits) {
    throw refused(
      `${name} of shape [${tensor.dims.join(", ")}] needs ${bytes} bytes, not what is there`,
    );
  }
  return Number(bytes);
}

function checkOrder(model: OnnxModel): void {
  const known = new Set<string>();
  const make = (name: string) => {
    if (name === "" || known.has(name)) throw refused(`value ${quote(name)} is made twice`);
    known.add(name);
  };
  model.initializers.forEach(({ name }) => make(name));
  for (const { name } of model.inputs) if (!known.has(name)) make(name);
  for (const { operator, inputs, outputs } of model.nodes) {
    const unknown = inputs.find((name) => name !== "" && !known.has(name));
    if (unknown !== undefined) {
      throw refused(
        `operator ${quote(operator)} takes value ${quote(unknown)}, which nothing before it makes`,
      );
    }
    outputs.filter((name) => name !== "").forEach(make);
  }
  const missing = model.outputs.find(({ name }) => !known.has(name));
  if (missing) throw refused(`output ${quote(missing.name)} is made by no operator`);
}
